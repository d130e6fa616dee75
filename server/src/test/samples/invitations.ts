import { expect } from 'vitest';
import { sql } from '../../db/db.ts';
import { overOrganization } from '../../access/access.ts';
import { human, type Prepared, robot, type SampleCalls } from './sample.ts';
import { addTo, type Stage } from './stage.ts';
import { unique } from '../world/names.ts';

const owners = ['owner', 'superAdmin'] as const;
const aboveManagers = [...owners, 'machine'] as const;
const managers = ['manager', ...aboveManagers] as const;

interface Invited {
  readonly email: string;
  readonly invitationId: string;
}

/** Invites an address, and finds the invitation in the list. */
async function invite({ world, orgId, owner }: Stage, noun: 'members' | 'owners', email: string): Promise<Invited> {
  const url = `/v1/authorization/organizations/${orgId}`;
  const body = { email, firstName: 'Ada', lastName: 'Lovelace', ...(noun === 'members' && { role: 'reader' }) };
  const response = await world.call('POST', `${url}/${noun}`, { token: owner.token, body });
  if (response.statusCode !== 201) throw new Error(response.body);
  for (let query = 'pageSize=100&status=pending'; ;) {
    const list = await world.call('GET', `${url}/invitations?${query}`, { token: owner.token });
    const { metadata, invitations } = list.json<{
      metadata: { nextCursor?: string };
      invitations: { id: string; email: string }[];
    }>();
    const found = invitations.findLast((invitation) => invitation.email === email);
    if (found) return { email, invitationId: found.id };
    query = `pageSize=100&status=pending&cursor=${metadata.nextCursor}`;
  }
}

const freshEmail = (): string => `${unique('invited')}@example.com`;

/** An invited user who has verified the address in the meantime, with a verification code. */
async function invitedAndProven(stage: Stage): Promise<Invited> {
  const { world } = stage;
  const email = freshEmail();
  const { userId, token } = await world.person({ email, verified: false });
  const { code: verificationCode } = await world.mail(email);
  const invited = await invite(stage, 'members', email);
  await world.call('POST', '/v1/authentication/users/email/verification', {
    token,
    body: { userId, verificationCode },
  });
  return invited;
}

const addressing = (choose: (stage: Stage) => Promise<Invited>, extra: Partial<Prepared> = {}) => {
  return async (stage: Stage): Promise<Prepared> => {
    const { invitationId } = await choose(stage);
    return { as: human(stage.owner), params: { orgId: stage.orgId, invitationId }, ...extra };
  };
};

const toRole = (stage: Stage) => invite(stage, 'members', freshEmail());

const toOwner = (stage: Stage) => invite(stage, 'owners', freshEmail());

/**
 * Invited as owner by one organization and to a role by ours, which also invites other users: revoking our invitation
 * keeps the user.
 */
async function invitedNextDoorToo(stage: Stage): Promise<Invited> {
  await toRole(stage);
  const { neighbour: owner, neighbourOrgId: orgId } = stage;
  const { email } = await invite({ ...stage, owner, orgId }, 'owners', freshEmail());
  return invite(stage, 'members', email);
}

/** Every invited user has an invitation, and every code of an organization has its invitation. */
export async function expectNothingLeftOver({ world }: Stage): Promise<void> {
  const left = await world.test.db.query(sql`
    SELECT 'user', u.id FROM users u
    WHERE u.app_id = ${world.appId} AND u.state = 'INVITED' AND u.super_admin_invited_until IS NULL AND NOT EXISTS (
      SELECT FROM invitations i WHERE i.app_id = u.app_id AND i.user_id = u.id AND i.status = 'pending')
    UNION ALL
    SELECT 'code', c.id FROM codes c
    WHERE c.app_id = ${world.appId} AND c.purpose = 'invitation' AND NOT EXISTS (
      SELECT FROM invitations i
      WHERE i.app_id = c.app_id AND i.user_id = c.user_id AND i.org_id = c.org_id AND i.status = 'pending')`);
  expect(left).toEqual([]);
}

/** The invitation expired, and then the user became a manager. */
async function managerByNow(stage: Stage): Promise<Invited> {
  const { world, orgId, owner } = stage;
  const email = freshEmail();
  const { userId, token } = await world.person({ email, verified: false });
  const { code: verificationCode } = await world.mail(email);
  const invited = await invite(stage, 'members', email);
  await world.test.db.query(sql`
    UPDATE invitations SET expires_at = created_at WHERE app_id = ${world.appId} AND id = ${invited.invitationId}`);
  const body = { userId, verificationCode };
  await world.call('POST', '/v1/authentication/users/email/verification', { token, body });
  const response = await world.call('POST', `/v1/authorization/organizations/${orgId}/managers`, {
    token: owner.token,
    body: { email, firstName: 'Ada', lastName: 'Lovelace' },
  });
  if (response.json<{ invited: boolean }>().invited) throw new Error(response.body);
  return invited;
}

/**
 * A separate organization with the same members. Its owner offers ownership and a role, and the super admin, who is
 * only a member of another organization, offers a role. The mail that offers ownership is delayed.
 */
async function listing(stage: Stage): Promise<Prepared> {
  const { world, owner, manager, member, neighbourOrgId } = stage;
  const orgId = await world.organization(owner);
  const url = `/v1/authorization/organizations/${orgId}`;
  const { token } = world.admin;
  const of = ({ email }: { email: string }) => ({ email, firstName: 'Jon', lastName: 'Doe' });
  await world.call('POST', `${url}/managers`, { token, body: of(manager) });
  await world.call('POST', `${url}/members`, { token, body: { ...of(member), role: 'reader' } });
  const { invitationId } = await invite({ ...stage, orgId }, 'owners', freshEmail());
  const later = new Date(world.test.clock.now().getTime() + 3_600_000);
  await world.test.db.query(sql`
    UPDATE mails SET due_at = ${later} WHERE app_id = ${world.appId} AND invitation_id = ${invitationId}`);
  await invite({ ...stage, orgId }, 'members', freshEmail());
  await addTo({ world, orgId: neighbourOrgId }, world.admin.userId, 'reader');
  await invite({ ...stage, orgId, owner: world.admin }, 'members', freshEmail());
  return { as: human(owner), params: { orgId }, query: { pageSize: '100' } };
}

const target = ['invitation', 'invitationId'] as const;
const reader = { role: 'reader', status: 'pending' } as const;
/** Members of the organization do not see inviters from outside. */
const nobodyInParticular = expect.not.objectContaining({ id: expect.anything() });

/** Sample calls of owners and managers on invitations, and of invited users. */
export const samplesOfInvitations: SampleCalls = {
  listInvitations: [
    {
      admits: managers,
      prepare: listing,
      answers: ({ owner }) => ({
        metadata: { total: 3 },
        invitations: [
          { role: 'ORG_OWNER', status: 'pending', mail: 'delayed', invitedBy: { kind: 'user', id: owner.userId } },
          { ...reader, invitedBy: { kind: 'user', id: owner.userId } },
          { ...reader, invitedBy: nobodyInParticular },
        ],
      }),
    },
    {
      title: 'as a manager',
      admits: managers,
      prepare: async (stage) => ({ ...(await listing(stage)), as: human(stage.manager) }),
      answers: () => ({ metadata: { total: 2 }, invitations: [reader, reader] }),
    },
    {
      title: 'of one status',
      admits: managers,
      prepare: async (stage) => ({
        ...(await listing(stage)),
        as: robot(stage.machine),
        query: { pageSize: '100', status: 'revoked' },
      }),
      answers: () => ({ metadata: { total: 0 }, invitations: [] }),
    },
  ],
  resendInvitation: [
    {
      admits: managers,
      target,
      prepare: addressing(toRole, { body: { inviteUrl: 'http://localhost/join?code={{code}}' } }),
    },
    {
      title: 'of an owner',
      admits: owners,
      needs: {
        access: overOrganization('grant', 'ORG_OWNER'),
        otherwise: 'access_denied',
        otherwiseTo: { manager: 'invitation_not_found' },
      },
      target,
      prepare: addressing(toOwner),
    },
  ],
  revokeInvitation: [
    { admits: managers, target, prepare: addressing(toRole), afterwards: expectNothingLeftOver },
    {
      title: 'of an owner',
      admits: aboveManagers,
      needs: {
        access: overOrganization('remove', 'ORG_OWNER', 'GENERIC_MACHINE_USER'),
        otherwise: 'invitation_not_found',
      },
      target,
      prepare: addressing(toOwner),
    },
    {
      title: 'of somebody who is a manager by now',
      admits: aboveManagers,
      needs: { access: overOrganization('remove', 'ORG_OWNER', 'GENERIC_MACHINE_USER'), otherwise: 'access_denied' },
      target,
      prepare: addressing(managerByNow),
    },
    {
      title: 'of somebody invited next door too',
      admits: managers,
      target,
      prepare: addressing(invitedNextDoorToo),
      afterwards: expectNothingLeftOver,
    },
    { title: 'of somebody whose address is proven', admits: managers, target, prepare: addressing(invitedAndProven) },
  ],
};
