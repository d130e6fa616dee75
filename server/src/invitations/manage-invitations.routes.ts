import { namedAppOf } from '../apps/named-app.ts';
import { chooseUrlTemplate } from '../apps/url-template.ts';
import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { accepting, overOrganization } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { beforeReplay } from '../calls/before-replay.ts';
import { type ChangeEvent, mutate } from '../calls/mutate.ts';
import { readPage } from '../lists/pagination.ts';
import { type AuditAction, type Call, route } from '../calls/route.ts';
import { type Grant, grantName } from '../members/members.store.ts';
import { checkManagerReach, isManagerOnly } from '../members/reach.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { resolveRole } from '../roles/roles.store.ts';
import { lockUserByEmail } from '../users/users.store.ts';
import { grantOrInvite } from './grant-or-invite.ts';
import { allowsEvent } from './invitation-states.ts';
import {
  invitationList,
  invitationListQuery,
  invitationParams,
  invitationResent,
  resendInvitation,
} from './invitations.schema.ts';
import {
  deleteInvitedLeftOver,
  findInvitation,
  type Invitation,
  invitationColumns,
  type InvitationRow,
  invitationsOf,
  revokeInvitation,
  voidCodesLeftOver,
} from './invitations.store.ts';

const mayManage = ['ORG_OWNER', 'ORG_USER_MANAGER', 'GENERIC_MACHINE_USER'] as const;

/** Callers who act for the app see all users of the app. */
const seesOutsiders = ({ actor, held }: Call): boolean => actor.kind === 'machine' || held.includes('SUPER_ADMIN');

function toItem(call: Call, row: InvitationRow) {
  const isVisible = row.invited_by_id !== null && (row.is_insider || seesOutsiders(call));
  return {
    id: row.id,
    email: row.email,
    role: row.role,
    status: row.status,
    invitedBy: { kind: row.invited_by_kind, ...(isVisible && { id: row.invited_by_id ?? undefined }) },
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
    ...(row.is_mail_delayed && { mail: 'delayed' as const }),
  };
}

/**
 * The invitation in the path. For managers, invitations of owners and managers do not exist.
 *
 * @throws ApiError `invitation_not_found`
 */
async function getInvitation(db: Queryable, call: Call, invitationId: string): Promise<Invitation> {
  const { services, appId, orgId } = call;
  const invitation = await findInvitation(db, appId, { orgId, id: invitationId, now: services.clock.now() });
  if (!invitation) throw new ApiError('invitation_not_found');
  if (isManagerOnly(call) && invitation.grant.kind !== 'ROLE') {
    throw new ApiError('invitation_not_found', { isDenial: true });
  }
  return invitation;
}

/**
 * The invitation in the path, locked until the transaction ends. Every change of invitations locks the invited user.
 *
 * @throws ApiError `invitation_not_found`, `invitation_closed`
 */
async function lockInvitation(
  tx: Tx,
  call: Call,
  invitationId: string,
  event: 'resend' | 'revoke',
): Promise<Invitation> {
  const seen = await getInvitation(tx, call, invitationId);
  const user = await lockUserByEmail(tx, call.appId, seen.emailKey);
  const invitation = await getInvitation(tx, call, invitationId);
  if (!allowsEvent(invitation.status, event)) throw new ApiError('invitation_closed');
  if (event === 'resend' && user?.id !== invitation.userId) {
    throw new ApiError('invitation_closed', {
      detail: 'The invited user has another address now. Invite the previous address with a new invitation.',
    });
  }
  return invitation;
}

/** The name of a grant in responses and events. */
const nounOf = { ORG_OWNER: 'owner', ORG_USER_MANAGER: 'manager', ROLE: 'member' } as const;
const wordOf = { ORG_OWNER: 'Owner', ORG_USER_MANAGER: 'Manager', ROLE: 'Member' } as const;

/** Only owners may grant these roles, so a machine user may not renew their invitations. */
function checkMayGrant({ actor }: Call, grant: Grant): void {
  if (actor.kind === 'machine' && grant.kind !== 'ROLE') throw new ApiError('access_denied');
}

const grantedAction = (grant: Grant): AuditAction => `organization.${nounOf[grant.kind]}_granted`;

/** Sends an invitation again, like a new invitation of the address to the same role. */
async function resend(tx: Tx, call: Call, invitationId: string, urlTemplate: string | undefined) {
  const { appId, orgId } = call;
  const { email, grant: offered } = await lockInvitation(tx, call, invitationId, 'resend');
  checkMayGrant(call, offered);
  const toGrant = async (): Promise<Grant> =>
    offered.kind === 'ROLE' ? { kind: 'ROLE', role: await resolveRole(tx, appId, orgId, offered.role.key) } : offered;
  // The address has a user already, whose names are kept.
  const proposal = { orgId, email, firstName: '', lastName: '', toGrant, urlTemplate };
  const { grant, userId, invited } = await grantOrInvite(tx, call, proposal);
  const changes = [grantName(grant)];
  const event: ChangeEvent = invited
    ? { target: { kind: 'invitation', id: invitationId }, orgId, changes }
    : { action: grantedAction(grant), target: { kind: 'user', id: userId }, orgId, changes };
  const message = invited ? 'Invitation resent' : `${wordOf[grant.kind]} assigned`;
  return { result: { message, userId, invited }, event };
}

export const manageInvitationRoutes = [
  route({
    method: 'GET',
    url: '/v1/authorization/organizations/:orgId/invitations',
    operationId: 'listInvitations',
    tag: 'authorization',
    summary: 'List the invitations of an organization',
    description:
      'Lists invitations with their status. Managers see only invitations to roles. Owners, super admins ' +
      'and machine users also see invitations to become owner or manager.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'invitations:read' },
      overOrganization('read', ...mayManage),
    ),
    params: organizationParams,
    query: invitationListQuery,
    response: { status: 200, description: 'A page of invitations.', body: invitationList },
    handler: async (call) => {
      const { services, appId, orgId, query } = call;
      const now = services.clock.now();
      const rolesOnly = isManagerOnly(call);
      const invitations = invitationsOf(appId, orgId, { status: query.status, rolesOnly, now });
      const { metadata, items } = await readPage<InvitationRow, ReturnType<typeof toItem>>(call, {
        paging: query,
        filters: [query.status, rolesOnly],
        total: sql`SELECT count(*) AS total ${invitations}`,
        totalTravels: true,
        rows: ({ after, limit }) =>
          sql`SELECT ${invitationColumns(appId, orgId, now)} ${invitations} ${after} ${limit}`,
        key: sql`i.id`,
        toItem: (row) => toItem(call, row),
      });
      return { metadata, invitations: items };
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authorization/organizations/:orgId/invitations/:invitationId/resend',
    operationId: 'resendInvitation',
    tag: 'authorization',
    summary: 'Send an invitation again',
    description:
      'Sends a new code, valid for seven days, for a pending or expired invitation. If the account was claimed in ' +
      'the meantime, the role is granted directly and the user gets a notice by mail. Only owners and super ' +
      'admins can resend invitations to become owner or manager.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'invitations:write' },
      overOrganization('grant', ...mayManage),
    ),
    audit: 'invitation.resent',
    idempotency: 'kept',
    params: invitationParams,
    body: resendInvitation,
    response: { status: 200, description: 'The invitation is on its way.', body: invitationResent },
    errors: [
      'invitation_not_found',
      'invitation_closed',
      'user_not_active',
      'redirect_url_not_allowed',
      'rate_limited',
    ],
    authorize: (call) =>
      beforeReplay(call, async (tx) => {
        const { grant, userId } = await getInvitation(tx, call, call.params.invitationId);
        checkMayGrant(call, grant);
        await checkManagerReach(tx, call, { orgId: call.orgId, userId }, [grant]);
      }),
    handler: async (call) => {
      const { params, body } = call;
      const app = await namedAppOf(call);
      const urlTemplate = chooseUrlTemplate(call, app, 'inviteUrl', body.inviteUrl);
      return mutate(call, (tx) => resend(tx, call, params.invitationId, urlTemplate));
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/organizations/:orgId/invitations/:invitationId',
    operationId: 'revokeInvitation',
    tag: 'authorization',
    summary: 'Revoke an invitation',
    description:
      'Revokes a pending or expired invitation. If no invitation of the address to the organization is ' +
      'left, its codes are void. A user who has no other invitation and has not signed up is deleted.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'invitations:write' },
      overOrganization('remove', ...mayManage),
    ),
    audit: 'invitation.revoked',
    params: invitationParams,
    response: { status: 204, description: 'The invitation is revoked.' },
    errors: ['invitation_not_found', 'invitation_closed'],
    handler: (call) => {
      const { services, appId, orgId, params } = call;
      const { invitationId } = params;
      return mutate(call, async (tx) => {
        const { userId, grant } = await lockInvitation(tx, call, invitationId, 'revoke');
        await checkManagerReach(tx, call, { orgId, userId }, []);
        await revokeInvitation(tx, appId, { id: invitationId, now: services.clock.now() });
        await voidCodesLeftOver(tx, appId, { orgId, userId });
        await deleteInvitedLeftOver(tx, appId, [userId]);
        const event = { target: { kind: 'invitation', id: invitationId }, orgId, changes: [grantName(grant)] };
        return { result: undefined, event };
      });
    },
  }),
];
