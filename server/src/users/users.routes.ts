import type { z } from 'zod';
import { namedAppOf } from '../apps/named-app.ts';
import { empty, sql } from '../db/db.ts';
import { accepting, overApp, overUser, publicAccess } from '../access/access.ts';
import { type SignedInUser, signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import { changedFields } from '../db/changed-fields.ts';
import { readUser } from '../calls/decide-in-statement.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { checkMetadataLimit } from '../metadata.ts';
import { type MembershipJson, membershipsAsJson, membershipsShown, toMembership } from '../members/members.store.ts';
import { startedSession } from '../sessions/sessions.schema.ts';
import { sessionHeaders, setCookiesOf, startSession } from '../sign-in/start-session.ts';
import { chooseUrlTemplate } from '../apps/url-template.ts';
import { displayName } from '../search/display-name.ts';
import { emailKey } from '../http/email-address.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import { hashNewPassword } from '../passwords/new-password.ts';
import { checkPassword } from '../passwords/password-policy.ts';
import { lockWithinReach } from '../accounts/govern-user.ts';
import { requireSession } from '../sessions/session-of-caller.ts';
import { notifyAddressOwner } from '../accounts/notify-address-owner.ts';
import { sendVerification } from '../accounts/verification-mail.ts';
import { me, meQuery, signUp, updateUser, user, userParams, userQuery, userUpdated } from './users.schema.ts';
import { insertUser, patchUser, readSelf, toProfile, userColumns, type UserDetailsRow } from './users.store.ts';

/** Refuses reserved keys from people, because backends trust these values. */
function checkReservedKeys(call: Call, metadata: Record<string, unknown>): void {
  const isTrusted = call.held.includes('SUPER_ADMIN') || call.held.includes('GENERIC_MACHINE_USER');
  const reserved = Object.keys(metadata).find((key) => key.startsWith('app:'));
  if (reserved === undefined || isTrusted) return;
  throw new ApiError('metadata_key_reserved', {
    detail: `Only super admins and machine users can write the key "${reserved}".`,
  });
}

/** Additional parts of introspection: the metadata of the user, and the organizations with roles. */
async function furtherOfSelf({ services, appId, actor }: Call, self: SignedInUser, query: z.output<typeof meQuery>) {
  const { includeMetadata = false, includeOrganizations, organizationId } = query;
  const withOrganizations = Boolean(includeOrganizations || organizationId);
  if (!includeMetadata && !withOrganizations) return {};
  const further = withOrganizations
    ? sql`, ${membershipsAsJson(appId, self.id, organizationId, actor, services.clock.now())} AS memberships`
    : empty;
  const shows = { metadata: includeMetadata, further };
  const row = await readSelf<{ memberships?: MembershipJson[] }>(services.db, appId, self.id, shows);
  return {
    ...(row.metadata && { metadata: row.metadata }),
    ...(row.memberships && { ...shown(row.memberships), isSuperAdmin: self.isSuperAdmin }),
  };
}

function shown(memberships: readonly MembershipJson[]) {
  const truncated = memberships.length > membershipsShown;
  return {
    organizations: memberships.slice(0, membershipsShown).map(toMembership),
    ...(truncated && { organizationsTruncated: true }),
  };
}

export const userRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users',
    operationId: 'signUp',
    tag: 'authentication',
    summary: 'Sign up',
    description:
      'Creates a user and starts a session. The e-mail address is unverified until the user presents the ' +
      'code from the mail. If the address was only invited, the invited user becomes this user, without ' +
      'the invited roles.',
    access: publicAccess({ setsCookie: true }),
    knowsDevice: true,
    addressLimit: 'signUpsPerAddressPerHour',
    audit: 'user.signed_up',
    body: signUp,
    response: {
      status: 201,
      description: 'The user is signed up and signed in.',
      body: startedSession,
      headers: sessionHeaders,
    },
    errors: [
      'sign_up_disabled',
      'password_too_weak',
      'redirect_url_not_allowed',
      'metadata_key_reserved',
      'metadata_limit_exceeded',
      'email_already_exists',
      'overloaded',
    ],
    handler: async (call) => {
      const { body, services } = call;
      const app = await namedAppOf(call);
      if (!app.settings.signUpEnabled) throw new ApiError('sign_up_disabled');
      checkPassword(body.password, body);
      checkReservedKeys(call, body.metadata ?? {});
      checkMetadataLimit(body.metadata ?? {});
      const template = chooseUrlTemplate(call, app, 'verificationUrl', body.verificationUrl);
      const passwordHash = await hashNewPassword(services, body.password, body);

      const started = await mutate(call, async (tx) => {
        const made = await insertUser(tx, app.id, {
          id: services.ids.next(),
          email: body.email,
          emailKey: emailKey(body.email),
          firstName: body.firstName,
          lastName: body.lastName,
          phoneNumber: body.phoneNumber ?? null,
          language: body.language ?? null,
          passwordHash,
          metadata: body.metadata ?? {},
          claimedBy: null,
          isSuperAdmin: false,
          now: services.clock.now(),
        });
        if (!made) return { result: undefined, event: undefined };
        const cause = { signUp: circumstancesOf(call), cause: 'sign-up' } as const;
        await sendVerification(tx, call, app, made, template, cause);
        const session = await startSession(tx, call, app, { id: made.id, amr: ['pwd'] });
        const actor = { kind: 'user', id: made.id } as const;
        return { result: { session, userId: made.id }, event: { target: actor, actor } };
      });
      if (!started) {
        await notifyAddressOwner(call, body.email);
        throw new ApiError('email_already_exists');
      }
      return { ...setCookiesOf(call, app, started.session), userId: started.userId };
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authentication/users/me',
    operationId: 'getMe',
    tag: 'authentication',
    summary: 'Introspect my session',
    description:
      'Returns the user of the session. With `includeOrganizations=true` the response also has the ' +
      'organizations of the user with roles and permissions, and says whether the user is a super admin. An ' +
      'inactive organization is listed without ' +
      'roles. If an organization has a security policy that the session does not meet, the organization is listed ' +
      'without roles and permissions, with `stepUpRequired`.',
    access: accepting({ accessToken: true }, overApp('SESSION_OWNER')),
    query: meQuery,
    response: { status: 200, description: 'The user and the session.', body: me },
    handler: async (call) => {
      const { user: self, session } = signedIn(call.actor);
      return {
        userId: self.id,
        state: 'ACTIVE' as const,
        firstName: self.firstName,
        lastName: self.lastName,
        displayName: displayName(self),
        phoneNumber: self.phoneNumber,
        email: self.email,
        isEmailVerified: self.isEmailVerified,
        isEmailClaimed: self.isEmailClaimed,
        isPhoneVerified: self.isPhoneVerified,
        session: {
          id: session.id,
          createdAt: session.createdAt.toISOString(),
          expiresAt: session.expiresAt.toISOString(),
          amr: [...session.amr],
          acr: session.acr,
          authenticatedAt: session.authenticatedAt.toISOString(),
          ...(session.factorAt && { secondFactorAt: session.factorAt.toISOString() }),
          ...(session.strongFactorAt && { strongFactorAt: session.strongFactorAt.toISOString() }),
        },
        ...(await furtherOfSelf(call, self, call.query)),
      };
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authentication/users/:userId',
    operationId: 'getUser',
    tag: 'authentication',
    summary: 'Get a user',
    description:
      'Returns a user to the user, to super admins and to machine users. Owners and managers of an ' +
      'organization can also read its members, without phone number and metadata.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'users:read' },
      overUser('SESSION_OWNER', 'SUPER_ADMIN', 'GENERIC_MACHINE_USER', 'ORG_OWNER', 'ORG_USER_MANAGER'),
    ),
    decidesInStatement: 'by-declaration',
    params: userParams,
    query: userQuery,
    response: { status: 200, description: 'The user.', body: user },
    handler: async (call) => {
      const { params, query } = call;
      const { includeMetadata = false } = query;
      const columns = userColumns({ metadata: includeMetadata });
      const found = await readUser<UserDetailsRow>(call, params.userId, columns);
      const seesAll = found.held.some((principal) =>
        ['SESSION_OWNER', 'SUPER_ADMIN', 'GENERIC_MACHINE_USER'].includes(principal),
      );
      if (includeMetadata && !seesAll) throw new ApiError('access_denied');
      const { phoneNumber, isPhoneVerified, ...profile } = toProfile(found);
      return {
        id: found.id,
        ...profile,
        displayName: displayName(profile),
        userState: found.state,
        ...(seesAll && { phoneNumber, isPhoneVerified }),
        ...(found.metadata && { metadata: found.metadata }),
      };
    },
  }),

  route({
    method: 'PUT',
    url: '/v1/authentication/users/:userId',
    operationId: 'updateUser',
    tag: 'authentication',
    summary: 'Update a user',
    description:
      'Changes names, phone number, language and metadata; fields that are absent stay unchanged. ' +
      'Metadata is merged: a string sets a key, null removes it. A changed phone number is unverified. ' +
      'Keys that begin with `app:` are for super admins and machine users.',
    access: accepting(
      { machineScope: 'users:write' },
      overUser('SESSION_OWNER', 'SUPER_ADMIN', 'GENERIC_MACHINE_USER'),
    ),
    audit: 'user.updated',
    params: userParams,
    body: updateUser,
    response: { status: 200, description: 'The user is updated.', body: userUpdated },
    errors: ['metadata_key_reserved', 'metadata_limit_exceeded'],
    handler: async (call) => {
      const { body, params, services, appId } = call;
      checkReservedKeys(call, body.metadata ?? {});
      const changes = changedFields(body);
      return mutate(call, async (tx) => {
        const result = { message: 'User updated' };
        await lockWithinReach(tx, call, params.userId);
        await requireSession(tx, call);
        if (changes.length === 0) return { result, event: undefined };
        await patchUser(tx, appId, params.userId, body, services.clock.now());
        return { result, event: { target: { kind: 'user', id: params.userId }, changes } };
      });
    },
  }),
];
