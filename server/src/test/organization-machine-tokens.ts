import { signJwt } from '../keys/jws.ts';
import { listPublishedKeys } from '../keys/signing-keys.store.ts';
import { toTimes } from '../tokens/token-times.ts';
import { publicUrl } from './access-tokens.ts';
import type { OrganizationMachine } from './world/machines.ts';
import type { World } from './world/world.ts';

/**
 * The operations that accept machine users of organizations. Listed here on purpose, although each route declares it.
 */
export const acceptingOrganizationMachines: ReadonlySet<string> = new Set([
  'getUser',
  'getOrganization',
  'updateOrganization',
  'getOrganizationSecurity',
  'getOrganizationBranding',
  'getOrganizationLogo',
  'inviteMember',
  'addUserToOrganization',
  'setOrganizationUserRoles',
  'removeUserFromOrganization',
  'listManagers',
  'listInvitations',
  'resendInvitation',
  'revokeInvitation',
  'listOrganizationUsers',
  'searchOrganizationUsers',
  'listRoles',
  'checkPermissions',
]);

/** A machine user of an organization, and the organization. */
export interface PlacedMachine extends Pick<OrganizationMachine, 'machineUserId' | 'secretId'> {
  readonly orgId: string;
}

/**
 * A token of a machine user of an organization, signed with the key of the app. Unlike the route, it checks no
 * permission.
 *
 * @param claims claims that differ from those of a valid token for this API
 */
export async function signOrganizationMachineToken(
  { test, appId, appName }: World,
  { orgId, machineUserId, secretId }: PlacedMachine,
  claims: object = {},
): Promise<string> {
  const now = test.clock.now();
  const [key] = await listPublishedKeys(test.db, appId, 'oauth', now);
  if (!key) throw new Error('the app has no key');
  return signJwt(await test.services.oauthKeys.privateKey(appId, key.kid), key.kid, {
    iss: `${publicUrl}/apps/${appName}`,
    aud: publicUrl,
    sub: machineUserId,
    client_id: machineUserId,
    secret_id: secretId,
    token_use: 'organization_machine',
    org_id: orgId,
    ...toTimes(now, { lifeSeconds: 600 }),
    jti: test.services.ids.next(),
    ...claims,
  });
}
