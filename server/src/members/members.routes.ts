import { namedAppOf } from '../apps/named-app.ts';
import { chooseUrlTemplate } from '../apps/url-template.ts';
import type { Tx } from '../db/db.ts';
import { accepting, overOrganization, overOrganizationInHeader, type Principal } from '../access/access.ts';
import { policyRefusal } from '../access/organization-policy.ts';
import { relationThroughOrganizations } from '../access/relations.ts';
import { ApiError } from '../http/errors.ts';
import { emailKey } from '../http/email-address.ts';
import { id } from '../http/fields.ts';
import { beforeReplay } from '../calls/before-replay.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { grantOrInvite, type Proposal } from '../invitations/grant-or-invite.ts';
import { settleInvitations } from '../invitations/invitations.store.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { keepOrganization } from '../organizations/organizations.store.ts';
import { resolveRole, resolveRoles } from '../roles/roles.store.ts';
import { lockUserByEmail, lockUser } from '../users/users.store.ts';
import { addUser, memberParams, granted, inviteManager, inviteMember, userAdded } from './members.schema.ts';
import { claimNote, findLacking, type Grant, grantName, grantToMember } from './members.store.ts';
import { checkManagerReach, isManagerOnly } from './reach.ts';

interface Invitee {
  readonly email: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly inviteUrl?: string | undefined;
  readonly userId?: unknown;
}

/** The user that a machine user claims to act for cannot be verified. It is recorded, but decisions ignore it. */
function claimedOnBehalfOf({ actor }: Call, body: Invitee): string | undefined {
  return actor.kind === 'machine' && id.safeParse(body.userId).success ? String(body.userId) : undefined;
}

/** Grants a role of the organization of the call to an address, or invites the address. */
async function grantTo(call: Call, body: Invitee, toGrant: Proposal['toGrant'], word: string) {
  const { orgId } = call;
  const app = await namedAppOf(call);
  const urlTemplate = chooseUrlTemplate(call, app, 'inviteUrl', body.inviteUrl);
  return mutate(call, async (tx) => {
    const { grant, userId, invited, isNew } = await grantOrInvite(tx, call, { ...body, orgId, toGrant, urlTemplate });
    const event = {
      target: { kind: 'user', id: userId },
      orgId,
      claimedOnBehalfOf: claimedOnBehalfOf(call, body),
      changes: [grantName(grant), ...(invited ? ['invited'] : [])],
    };
    const result = { message: `${word} ${invited ? 'invited' : 'assigned'}`, userId, invited };
    return { result, event: isNew ? event : undefined };
  });
}

/** Humans may name only users whom they can already see. Other people are added by e-mail address. */
async function checkVisible(tx: Tx, { actor, appId, held, services }: Call, userId: string): Promise<void> {
  if (actor.kind !== 'user' && actor.kind !== 'organization-machine') return;
  if (held.includes('SUPER_ADMIN')) return;
  if (actor.kind === 'user' && actor.user.id === userId) return;
  const relation = await relationThroughOrganizations(tx, actor, appId, userId, services.clock.now());
  if (!relation) throw new ApiError('user_not_found', { isDenial: true });
  if (relation.unmet) throw policyRefusal(relation.unmet);
}

/** The routes for owners and managers are the same. */
const inviteRoute = (noun: 'manager' | 'owner', operationId: string, grant: Grant) => {
  const word = noun === 'owner' ? 'Owner' : 'Manager';
  return route({
    method: 'POST',
    url: `/v1/authorization/organizations/:orgId/${noun}s`,
    operationId,
    tag: 'authorization',
    summary: `Add ${noun === 'owner' ? 'an owner' : 'a manager'} to an organization`,
    description:
      `An active user whose account is claimed becomes ${noun} at once and gets a mail about it. Any other ` +
      `address is invited.`,
    access: accepting({ accessToken: true }, overOrganization('grant', 'ORG_OWNER')),
    audit: `organization.${noun}_granted`,
    idempotency: 'kept',
    params: organizationParams,
    body: inviteManager,
    response: {
      status: 201,
      description: 'Granted or invited.',
      body: granted(`Invite${word}Result`, `${word} invited`),
    },
    errors: ['user_not_active', 'redirect_url_not_allowed', 'rate_limited'],
    handler: (call) => grantTo(call, call.body, () => Promise.resolve(grant), word),
  });
};

/** An id that no user has. */
const nobody = '0';

const mayAddMembers: Principal[] = ['ORG_OWNER', 'ORG_USER_MANAGER', 'GENERIC_MACHINE_USER'];

export const memberRoutes = [
  inviteRoute('manager', 'inviteManager', { kind: 'ORG_USER_MANAGER' }),
  inviteRoute('owner', 'inviteOwner', { kind: 'ORG_OWNER' }),

  route({
    method: 'POST',
    url: '/v1/authorization/organizations/:orgId/members',
    operationId: 'inviteMember',
    tag: 'authorization',
    summary: 'Add a member to an organization',
    description:
      'An active user whose account is claimed (`isEmailClaimed`) gets the role at once and a mail about it. Any ' +
      'other address is invited.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'members:write' },
      overOrganization('grant', ...mayAddMembers),
    ),
    audit: 'organization.member_granted',
    idempotency: 'kept',
    params: organizationParams,
    body: inviteMember,
    response: {
      status: 201,
      description: 'Granted or invited.',
      body: granted('InviteMemberResult', 'Member invited'),
    },
    errors: ['user_not_active', 'unknown_role', 'redirect_url_not_allowed', 'rate_limited'],
    authorize: (call) =>
      beforeReplay(call, async (tx) => {
        const { appId, orgId, body } = call;
        if (!isManagerOnly(call)) return;
        const role = await resolveRole(tx, appId, orgId, body.role);
        const userId = (await lockUserByEmail(tx, appId, emailKey(body.email)))?.id ?? nobody;
        await checkManagerReach(tx, call, { orgId, userId }, [{ kind: 'ROLE', role }]);
      }),
    handler: (call) =>
      grantTo(
        call,
        call.body,
        async (tx) => ({ kind: 'ROLE', role: await resolveRole(tx, call.appId, call.orgId, call.body.role) }),
        'Member',
      ),
  }),

  route({
    method: 'POST',
    url: '/v1/authorization/organizations/users/:userId',
    operationId: 'addUserToOrganization',
    tag: 'authorization',
    summary: 'Add a user to an organization',
    description:
      'Grants roles to a user by id, in addition to the roles that the user has. The account need not be ' +
      'claimed; if it is not, the audit event has the change `unclaimed`. Owners and managers can add ' +
      'users of the organizations that they own or manage. Super admins and machine users can add any ' +
      'user of the app.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'members:write' },
      overOrganizationInHeader('grant', ...mayAddMembers),
    ),
    audit: 'member.roles_added',
    idempotency: 'kept',
    params: memberParams,
    body: addUser,
    response: { status: 200, description: 'The roles are added.', body: userAdded },
    errors: ['user_not_found', 'user_not_active', 'unknown_role'],
    authorize: (call) =>
      beforeReplay(call, async (tx) => {
        const { appId, orgId, params, body } = call;
        await checkVisible(tx, call, params.userId);
        if (!isManagerOnly(call)) return;
        const roles = await resolveRoles(tx, appId, orgId, [...new Set(body.roles)]);
        const grants = roles.map((role): Grant => ({ kind: 'ROLE', role }));
        await checkManagerReach(tx, call, { orgId, userId: params.userId }, grants);
      }),
    handler: (call) => {
      const { services, appId, orgId, params, body } = call;
      return mutate(call, async (tx) => {
        await checkVisible(tx, call, params.userId);
        const user = await lockUser(tx, appId, params.userId);
        await keepOrganization(tx, appId, orgId);
        const roles = await resolveRoles(tx, appId, orgId, [...new Set(body.roles)]);
        const grants = roles.map((role): Grant => ({ kind: 'ROLE', role }));
        await checkManagerReach(tx, call, { orgId, userId: user.id }, grants);
        if (user.state !== 'ACTIVE') throw new ApiError('user_not_active');
        const member = { orgId, userId: user.id, id: services.ids.next(), now: services.clock.now() };
        const lacking = await findLacking(tx, appId, member, grants);
        await grantToMember(tx, appId, member, lacking);
        await settleInvitations(tx, appId, member, grants);
        const message = `User ${user.id} added to ${orgId} as ${body.roles.join(', ')}`;
        const event = {
          target: { kind: 'user', id: user.id },
          orgId,
          changes: [...lacking.map(grantName), ...claimNote(user)],
        };
        return { result: { message }, event: lacking.length > 0 ? event : undefined };
      });
    },
  }),
];
