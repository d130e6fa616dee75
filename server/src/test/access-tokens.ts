import { sql } from '../db/db.ts';
import { signJwt } from '../keys/jws.ts';
import { sha256 } from '../keys/secrets.ts';
import { listPublishedKeys } from '../keys/signing-keys.store.ts';
import { claimsOfPerson } from '../tokens/person-token.ts';
import { toTimes } from '../tokens/token-times.ts';
import { findSessions } from '../sessions/sessions.store.ts';
import type { World } from './world/world.ts';

/** The external origin of the service under test, which is the audience of access tokens for this API. */
export const publicUrl = 'http://127.0.0.1:3000';

/** An audience whose tokens this API must refuse. */
export const anotherService = 'another-service';

/** Stores the audiences of an app, without an event or a mail. */
export const listAudiences = ({ test, appId }: World, audiences = [publicUrl, anotherService]) =>
  test.db.query(sql`
    UPDATE apps SET settings = settings || ${JSON.stringify({ audiences })}::jsonb WHERE id = ${appId}`);

/** The operations that accept access tokens of people. Listed here on purpose, although each route declares it. */
export const acceptingAccessTokens: ReadonlySet<string> = new Set([
  'getMe',
  'getUser',
  'listMyManagerRoles',
  'listOrganizationsByEmail',
  'setupOrganization',
  'listOrganizations',
  'getOrganization',
  'updateOrganization',
  'getOrganizationSecurity',
  'deactivateOrganization',
  'reactivateOrganization',
  'inviteManager',
  'inviteOwner',
  'inviteMember',
  'addUserToOrganization',
  'setOrganizationUserRoles',
  'removeUserFromOrganization',
  'listManagers',
  'removeManager',
  'listInvitations',
  'resendInvitation',
  'revokeInvitation',
  'listOrganizationUsers',
  'searchOrganizationUsers',
  'listRoles',
  'updateRoles',
  'deleteRole',
  'checkPermissions',
  'listPredefinedRoles',
  'listUsers',
  'listOrganizationAuditEvents',
  'listAuditEvents',
  'listSuperAdmins',
  'getAppSettings',
  'getBranding',
  'getLogo',
  'getOrganizationBranding',
  'getOrganizationLogo',
  'previewBranding',
  'previewOrganizationBranding',
]);

/**
 * An access token for a session, signed with the key of the app. Unlike the route, it checks no permission.
 *
 * @param claims claims that differ from those of a valid token for this API
 */
export async function signAccessToken(
  { test, appId, appName }: World,
  sessionToken: string,
  claims: object = {},
): Promise<string> {
  const now = test.clock.now();
  const [found] = await findSessions(test.db, [{ appId, tokenHash: sha256(sessionToken) }], now);
  const [key] = await listPublishedKeys(test.db, appId, 'oauth', now);
  if (!found || !key) throw new Error('there is no such session, or the app has no key');
  return signJwt(await test.services.oauthKeys.privateKey(appId, key.kid), key.kid, {
    iss: `${publicUrl}/apps/${appName}`,
    aud: publicUrl,
    client_id: appName,
    ...claimsOfPerson(found.user, found.session),
    ...toTimes(now, { lifeSeconds: 600 }),
    jti: test.services.ids.next(),
    ...claims,
  });
}
