import { endKeysOf } from '../api-keys/end-keys.ts';
import { toProfile } from './users.store.ts';
import { voidAllCodes } from '../codes/codes.store.ts';
import { totalOfApp } from '../counts.ts';
import type { Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { accepting, overApp, overUser } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { type ChangeEvent, mutate } from '../calls/mutate.ts';
import { readPage } from '../lists/pagination.ts';
import { type Call, nothingKept, route } from '../calls/route.ts';
import { endSecretsOfFormerOwner } from '../organization-machine-users/former-owners.ts';
import { deleteSessions } from '../sessions/sessions.store.ts';
import { notifySuperAdmins } from '../accounts/notify-super-admins.ts';
import { userDeleted, userList, userListQuery, userStateChanged } from './app-users.schema.ts';
import { type GovernedUser, setUserState, type AppUserRow, usersOfApp } from './app-users.store.ts';
import { displayName } from '../search/display-name.ts';
import { deleteGovernedUser } from '../accounts/delete-user.ts';
import { checkDispensable, lockWithinReach } from '../accounts/govern-user.ts';
import { userParams } from './users.schema.ts';

const governors = ['SUPER_ADMIN', 'GENERIC_MACHINE_USER'] as const;

function toItem(row: AppUserRow) {
  const profile = toProfile(row);
  return {
    id: row.id,
    ...profile,
    displayName: displayName(profile),
    userState: row.state,
    ...(row.metadata && { metadata: row.metadata }),
  };
}

/** Ends sign-in, and voids pending codes and resets that could allow it later. */
async function deactivate(tx: Tx, call: Call, user: GovernedUser): Promise<ChangeEvent[]> {
  const { appId, services } = call;
  await checkDispensable(tx, appId, user);
  if (user.isSuperAdmin) await notifySuperAdmins(tx, call, 'super_admin_removed', user.email);
  await setUserState(tx, appId, user.id, 'INACTIVE', services.clock.now());
  await deleteSessions(tx, appId, user.id);
  const endedKeys = await endKeysOf(tx, call, user.id);
  await voidAllCodes(tx, appId, user.id, [
    'password_reset',
    'email_change',
    'reauthentication',
    'sign_in',
    'second_factor',
  ]);
  return [...endedKeys, ...(await endSecretsOfFormerOwner(tx, call, user.id))];
}

async function reactivate(tx: Tx, call: Call, user: GovernedUser): Promise<ChangeEvent[]> {
  await setUserState(tx, call.appId, user.id, 'ACTIVE', call.services.clock.now());
  if (user.isSuperAdmin) await notifySuperAdmins(tx, call, 'super_admin_granted', user.email);
  return [];
}

const stateRoute = (
  verb: 'deactivate' | 'reactivate',
  { state, change, description }: { state: GovernedUser['state']; change: typeof deactivate; description: string },
) => {
  const name = verb === 'deactivate' ? 'Deactivate' : 'Reactivate';
  return route({
    method: 'POST',
    url: `/v1/authorization/users/:userId/${verb}`,
    operationId: `${verb}User`,
    // A reactivation gives rights back, and a deactivation can take them from another super admin.
    grants: true,
    tag: 'authorization',
    summary: `${name} a user`,
    description,
    access: accepting({ machineScope: 'users:write' }, overUser(...governors)),
    audit: `user.${verb}d`,
    idempotency: nothingKept('Creates nothing. Repeating the call changes nothing.'),
    params: userParams,
    response: {
      status: 200,
      description: `The user is ${verb}d.`,
      body: userStateChanged(`${name}UserResult`, `User ${verb}d`),
    },
    errors: ['user_not_active', ...(verb === 'deactivate' ? (['last_owner', 'last_super_admin'] as const) : [])],
    handler: (call) =>
      mutate(call, async (tx) => {
        const result = { message: `User ${verb}d` };
        const user = await lockWithinReach(tx, call, call.params.userId);
        if (user.state === state) return { result, event: undefined };
        if (user.state === 'INVITED') throw new ApiError('user_not_active');
        const ended = await change(tx, call, user);
        return { result, event: [{ target: { kind: 'user', id: user.id }, changes: ['state'] }, ...ended] };
      }),
  });
};

export const appUserRoutes = [
  route({
    method: 'GET',
    url: '/v1/authorization/users',
    operationId: 'listUsers',
    tag: 'authorization',
    summary: 'List the users of the app',
    description: 'Lists all users of the app, oldest first, including invited users.',
    access: accepting({ accessToken: true, machineScope: 'users:read' }, overApp(...governors)),
    query: userListQuery,
    response: { status: 200, description: 'A page of users.', body: userList },
    handler: async (call) => {
      const { appId, query } = call;
      const { includeMetadata: metadata = false } = query;
      const page = await readPage(call, {
        paging: query,
        total: totalOfApp(appId, 'users'),
        rows: ({ after, limit }) => sql`${usersOfApp(appId, { metadata })} ${after} ${limit}`,
        key: sql`u.id`,
        toItem,
      });
      return { metadata: page.metadata, users: page.items };
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/users/:userId',
    operationId: 'deleteUser',
    freshAuthentication: 'stepUp',
    tag: 'authorization',
    summary: 'Delete a user',
    description:
      'Permanently deletes a user with sessions, memberships, codes, mails and all other data; the audit keeps ' +
      'only the user id. The last active owner of an organization and the last active super admin cannot be ' +
      'deleted; machine users cannot delete a super admin.',
    access: accepting({ machineScope: 'users:write' }, overUser(...governors)),
    audit: 'user.deleted',
    params: userParams,
    response: { status: 200, description: 'The user is deleted.', body: userDeleted },
    errors: ['last_owner', 'last_super_admin'],
    handler: (call) => {
      return mutate(call, async (tx) => {
        const user = await lockWithinReach(tx, call, call.params.userId);
        return deleteGovernedUser(tx, call, user);
      });
    },
  }),

  stateRoute('deactivate', {
    state: 'INACTIVE',
    change: deactivate,
    description:
      'The user cannot sign in, and their sessions end at once. No other data is deleted. The last active ' +
      'owner of an organization and the last active super admin cannot be deactivated; machine users ' +
      'cannot deactivate a super admin. A user who has not accepted an invitation yet cannot be ' +
      'deactivated: revoke the invitation or delete the user. Repeating the call changes nothing.',
  }),
  stateRoute('reactivate', {
    state: 'ACTIVE',
    change: reactivate,
    description:
      'The user can sign in again and has all former memberships and roles. Ended sessions stay ended. ' +
      'Repeating the call changes nothing.',
  }),
];
