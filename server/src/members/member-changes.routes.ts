import type { Tx } from '../db/db.ts';
import { accepting, overOrganizationInHeader } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { type ChangeEvent, mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { settleInvitations } from '../invitations/invitations.store.ts';
import { withdrawInvitations } from '../invitations/withdraw-invitations.ts';
import { endKeysOf } from '../api-keys/end-keys.ts';
import { endSecretsOfFormerOwner } from '../organization-machine-users/former-owners.ts';
import { keepOrganization } from '../organizations/organizations.store.ts';
import { resolveRoles } from '../roles/roles.store.ts';
import { lockUser, type User } from '../users/users.store.ts';
import { checkNotLastOwner } from './last-owner.ts';
import { memberParams, setUserRoles, userRemoved, userRolesSet } from './members.schema.ts';
import {
  claimNote,
  deleteMember,
  findGrants,
  type Grant,
  grantName,
  grantToMember,
  managerGrants,
  takeRoles,
} from './members.store.ts';
import type { RoleReference } from '../roles/roles.store.ts';
import { checkManagerReach, isManagerOnly } from './reach.ts';

const mayChangeMembers = ['ORG_OWNER', 'ORG_USER_MANAGER', 'GENERIC_MACHINE_USER'] as const;

/**
 * Locks the member in the path until the transaction ends, and returns their grants.
 *
 * @throws ApiError `user_not_found`
 */
async function lockMember(
  tx: Tx,
  { appId, orgId }: Call,
  userId: string,
): Promise<{ user: User; held: readonly Grant[] }> {
  const user = await lockUser(tx, appId, userId);
  const held = await findGrants(tx, appId, { orgId, userId: user.id });
  if (!held) throw new ApiError('user_not_found', { detail: 'The organization has no user with this id.' });
  return { user, held };
}

const rolesOf = (grants: readonly Grant[]): RoleReference[] =>
  grants.flatMap((grant) => (grant.kind === 'ROLE' ? [grant.role] : []));

/** The roles of the first list that are not in the second. */
const without = (roles: readonly RoleReference[], others: readonly RoleReference[]): RoleReference[] =>
  roles.filter(({ scopeId, key }) => !others.some((other) => other.scopeId === scopeId && other.key === key));

const toGrant = (role: RoleReference): Grant => ({ kind: 'ROLE', role });

/**
 * Replaces the roles of a member. Settles pending invitations to roles that the member now has, and revokes pending
 * invitations to roles that the member loses.
 *
 * @returns one event if the roles changed, and one for each revoked invitation
 */
async function replaceRoles(tx: Tx, call: Call, userId: string, keys: readonly string[]): Promise<ChangeEvent[]> {
  const { services, appId, orgId } = call;
  const { user, held } = await lockMember(tx, call, userId);
  await keepOrganization(tx, appId, orgId);
  const wanted = await resolveRoles(tx, appId, orgId, [...new Set(keys)]);
  const added = without(wanted, rolesOf(held));
  const taken = without(rolesOf(held), wanted);
  await checkManagerReach(tx, call, { orgId, userId: user.id }, added.map(toGrant));
  const member = { orgId, userId: user.id, id: services.ids.next(), now: services.clock.now() };
  if (added.length > 0) {
    if (user.state !== 'ACTIVE') throw new ApiError('user_not_active');
    await grantToMember(tx, appId, member, added.map(toGrant));
  }
  await settleInvitations(tx, appId, member, wanted.map(toGrant));
  await takeRoles(tx, appId, member, taken);
  const withdrawn = await withdrawInvitations(tx, call, user.id, taken.map(toGrant));
  const changes = [...added, ...taken].map(({ key }) => `roles.${key}`);
  if (added.length > 0) changes.push(...claimNote(user));
  return changes.length === 0 ? [] : [{ target: { kind: 'user', id: user.id }, orgId, changes }, ...withdrawn];
}

export const memberChangeRoutes = [
  route({
    method: 'PUT',
    url: '/v1/authorization/organizations/users/:userId/roles',
    operationId: 'setOrganizationUserRoles',
    tag: 'authorization',
    summary: 'Set the roles of a user in an organization',
    description:
      'Replaces the roles of the user, effective from the next permission check. Manager roles do not ' +
      'change. With an empty list the user stays a member without roles. Pending invitations to a removed ' +
      'role are revoked. Managers cannot change owners or managers, including themselves.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'members:write' },
      overOrganizationInHeader('grant', ...mayChangeMembers),
    ),
    audit: 'member.roles_set',
    params: memberParams,
    body: setUserRoles,
    response: { status: 200, description: 'The roles are set.', body: userRolesSet },
    errors: ['user_not_found', 'user_not_active', 'unknown_role'],
    handler: (call) => {
      const { orgId, params, body } = call;
      return mutate(call, async (tx) => {
        const event = await replaceRoles(tx, call, params.userId, body.roles);
        const message = `User ${params.userId} now has ${body.roles.join(', ') || 'no role'} in organization ${orgId}`;
        return { result: { message }, event };
      });
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/organizations/users/:userId',
    operationId: 'removeUserFromOrganization',
    tag: 'authorization',
    summary: 'Remove a user from an organization',
    description:
      'Removes the user from the organization with all roles and manager roles, effective from the next ' +
      'request. The user stays a user of the app. Pending invitations of the user to the organization are ' +
      'revoked. Managers cannot remove owners or managers, including themselves. The last active owner ' +
      'cannot be removed.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'members:write' },
      overOrganizationInHeader('remove', ...mayChangeMembers),
    ),
    audit: 'member.removed',
    params: memberParams,
    response: { status: 200, description: 'The user is removed.', body: userRemoved },
    errors: ['user_not_found', 'last_owner'],
    handler: (call) => {
      const { appId, orgId, params } = call;
      return mutate(call, async (tx) => {
        const { user, held } = await lockMember(tx, call, params.userId);
        await checkManagerReach(tx, call, { orgId, userId: user.id }, []);
        await checkNotLastOwner(tx, appId, user.id, orgId);
        const endedKeys = await endKeysOf(tx, call, user.id, orgId);
        await deleteMember(tx, appId, orgId, user.id);
        const message = `User ${user.id} removed from organization ${orgId}`;
        const event = { target: { kind: 'user', id: user.id }, orgId, changes: held.map(grantName) };
        // Managers cannot see or revoke invitations to become owner or manager.
        const kinds = isManagerOnly(call) ? (['ROLE'] as const) : ([...managerGrants, 'ROLE'] as const);
        const withdrawn = await withdrawInvitations(tx, call, user.id, kinds);
        const wasOwner = held.some(({ kind }) => kind === 'ORG_OWNER');
        const ended = wasOwner ? await endSecretsOfFormerOwner(tx, call, user.id) : [];
        return { result: { message }, event: [event, ...withdrawn, ...endedKeys, ...ended] };
      });
    },
  }),
];
