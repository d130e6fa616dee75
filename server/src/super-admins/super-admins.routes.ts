import { endKeysOfFormerSuperAdmin } from '../api-keys/end-keys.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { chooseUrlTemplate } from '../apps/url-template.ts';
import { codeLifeMs } from '../codes/codes.ts';
import type { Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { queueMailFromOthers } from '../email/mail-quotas.ts';
import { accepting, overApp, overUser } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { type ChangeEvent, mutate } from '../calls/mutate.ts';
import { readPage } from '../lists/pagination.ts';
import { type Call, route } from '../calls/route.ts';
import { lockOrInsertUser } from '../users/lock-or-insert-user.ts';
import { deleteInvitedLeftOver } from '../invitations/invitations.store.ts';
import { displayName } from '../search/display-name.ts';
import { userParams } from '../users/users.schema.ts';
import { lockUser, type User } from '../users/users.store.ts';
import { addSuperAdmin, superAdminAdded, superAdminList, superAdminListQuery } from './super-admins.schema.ts';
import {
  checkNotLastSuperAdmin,
  countSuperAdmins,
  inviteAsSuperAdmin,
  readStanding,
  setSuperAdmin,
  type SuperAdminRow,
  superAdminsOf,
} from '../users/super-admins.store.ts';
import { isOpenToProvider } from '../identity-providers/identities.store.ts';
import { makeSuperAdmin } from '../accounts/accept-super-admin.ts';
import { mailSuperAdminInvitation } from '../accounts/mail-super-admin-invitation.ts';
import { notifySuperAdmins } from '../accounts/notify-super-admins.ts';
import { endSecretsOfFormerOwner } from '../organization-machine-users/former-owners.ts';

function toItem(row: SuperAdminRow) {
  const names = { firstName: row.first_name, lastName: row.last_name };
  const invitedUntil = row.super_admin_invited_until?.toISOString();
  return {
    id: row.id,
    email: row.email,
    ...names,
    displayName: displayName(names),
    userState: row.state,
    ...(invitedUntil && { invitedUntil }),
    ...(row.is_mail_delayed && { mail: 'delayed' as const }),
  };
}

/** The address as the inviter spelled it, and the URL template for its mail. */
interface Invitee {
  readonly email: string;
  readonly urlTemplate: string | undefined;
}

/** The code sets a password and verifies the address (2.7), which claims the account. */
async function invite(tx: Tx, call: Call, user: User, { email, urlTemplate }: Invitee): Promise<void> {
  const { services, appId } = call;
  const lifeMs = codeLifeMs.invitation;
  await inviteAsSuperAdmin(tx, appId, user.id, new Date(services.clock.now().getTime() + lifeMs));
  const mail = await mailSuperAdminInvitation(tx, services, appId, { id: user.id, email }, { urlTemplate, lifeMs });
  const app = await namedAppOf(call);
  await queueMailFromOthers(tx, services, app, mail, { usefulMs: lifeMs, replaces: true });
}

/** Whether only the owner of the mailbox can have signed in to an account, so that it needs no invitation. */
const isOwnersAlone = async (tx: Tx, { appId }: Call, user: User): Promise<boolean> =>
  user.state === 'ACTIVE' && user.isEmailClaimed && !(await isOpenToProvider(tx, appId, user.id));

/** @returns the events; none for a user who is already a super admin */
async function grantOrInvite(tx: Tx, call: Call, user: User, invitee: Invitee): Promise<ChangeEvent[]> {
  const target = { kind: 'user', id: user.id } as const;
  const { isSuperAdmin } = await readStanding(tx, call.appId, user.id);
  if (isSuperAdmin) return [];
  if (await isOwnersAlone(tx, call, user)) {
    return [{ target, changes: ['superAdmin'] }, ...(await makeSuperAdmin(tx, call, user))];
  }
  await invite(tx, call, user, invitee);
  return [{ target, changes: ['invited'] }];
}

export const superAdminRoutes = [
  route({
    method: 'GET',
    url: '/v1/authorization/super-admins',
    operationId: 'listSuperAdmins',
    tag: 'authorization',
    summary: 'List the super admins',
    description: 'Lists the super admins of the app, including deactivated and invited ones.',
    access: accepting({ accessToken: true }, overApp('SUPER_ADMIN')),
    query: superAdminListQuery,
    response: { status: 200, description: 'A page of super admins.', body: superAdminList },
    handler: async (call) => {
      const { appId, query, services } = call;
      const page = await readPage(call, {
        paging: query,
        total: countSuperAdmins(appId),
        rows: ({ after, limit }) => sql`${superAdminsOf(appId, services.clock.now())} ${after} ${limit}`,
        key: sql`u.id`,
        toItem,
      });
      return { metadata: page.metadata, superAdmins: page.items };
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authorization/super-admins',
    operationId: 'addSuperAdmin',
    freshAuthentication: 'always',
    grants: true,
    tag: 'authorization',
    summary: 'Add a super admin',
    description:
      'An active user whose account is claimed becomes a super admin at once. Any other address gets a ' +
      'mail with a code, also an account that an identity provider other than Google has claimed or is linked to. ' +
      'Setting a password with the code (`PUT …/users/password`) within 7 days claims ' +
      'the account and makes the user a super admin. Repeating the call sends another code. All sessions of a new ' +
      'super admin end, and all identity providers are unlinked. All super admins get a mail about a new super admin.',
    access: overApp('SUPER_ADMIN'),
    audit: 'super_admin.granted',
    idempotency: 'kept',
    body: addSuperAdmin,
    response: { status: 201, description: 'Granted or invited.', body: superAdminAdded },
    errors: ['user_not_active', 'redirect_url_not_allowed'],
    handler: async (call) => {
      const { body } = call;
      const { email, firstName = 'Super', lastName = 'Admin' } = body;
      const app = await namedAppOf(call);
      const urlTemplate = chooseUrlTemplate(call, app, 'resetUrl', body.resetUrl);
      return mutate(call, async (tx) => {
        const { user } = await lockOrInsertUser(tx, call, { email, firstName, lastName });
        if (user.state === 'INACTIVE') {
          throw new ApiError('user_not_active', { detail: 'The user of this address is deactivated.' });
        }
        const events = await grantOrInvite(tx, call, user, { email, urlTemplate });
        const invited = events[0]?.changes?.includes('invited') ?? false;
        const result = { message: `Super admin ${invited ? 'invited' : 'assigned'}`, userId: user.id, invited };
        return { result, event: events.length > 0 ? events : undefined };
      });
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/super-admins/:userId',
    operationId: 'removeSuperAdmin',
    freshAuthentication: 'always',
    grants: true,
    tag: 'authorization',
    summary: 'Remove super admin rights',
    description:
      'The user loses the super admin rights from the next request on, and stays a user of the app. The ' +
      'user and all super admins get a mail. API keys that the user created for organizations as a super admin are ' +
      'refused until an owner adopts them. The call also revokes the invitation of a super admin. The ' +
      'last active super admin cannot be removed.',
    access: overUser('SUPER_ADMIN'),
    audit: 'super_admin.removed',
    params: userParams,
    response: { status: 204, description: 'The user is no longer a super admin.' },
    errors: ['last_super_admin'],
    handler: (call) => {
      const { appId, services, params } = call;
      return mutate(call, async (tx) => {
        const user = await lockUser(tx, appId, params.userId);
        const { isSuperAdmin, isInvited } = await readStanding(tx, appId, user.id);
        if (!isSuperAdmin && !isInvited) {
          throw new ApiError('user_not_found', { detail: 'This user is neither a super admin nor invited to be one.' });
        }
        if (isSuperAdmin) {
          await checkNotLastSuperAdmin(tx, appId, user.id);
          await notifySuperAdmins(tx, call, 'super_admin_removed', user.email);
        }
        await setSuperAdmin(tx, appId, user.id, false, services.clock.now());
        await deleteInvitedLeftOver(tx, appId, [user.id]);
        const changes = [isSuperAdmin ? 'superAdmin' : 'invited'];
        const endedKeys = isSuperAdmin ? await endKeysOfFormerSuperAdmin(tx, call, user.id) : [];
        const ended = isSuperAdmin ? await endSecretsOfFormerOwner(tx, call, user.id) : [];
        const event = [{ target: { kind: 'user', id: user.id }, changes }, ...endedKeys, ...ended];
        return { result: undefined, event };
      });
    },
  }),
];
