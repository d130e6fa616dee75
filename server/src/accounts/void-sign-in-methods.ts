import { endKeysOf } from '../api-keys/end-keys.ts';
import type { ChangeEvent } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { voidAllCodes } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { deleteDevices } from '../devices/devices.store.ts';
import { deleteFactors } from '../factors/factors.store.ts';
import { deleteIdentities } from '../identity-providers/identities.store.ts';
import { toDeletedSecretEvent } from '../organization-machine-users/former-owners.ts';
import { deleteSecretsCreatedBy } from '../organization-machine-users/organization-machine-secrets.store.ts';
import { deleteSessions } from '../sessions/sessions.store.ts';
import { clearUnclaimedRow } from '../users/users.store.ts';

/**
 * Rule (P) of contract 2.12: voids all sign-in methods of an unclaimed account, because a stranger may have created
 * them. These are the password, sessions, linked identities, known devices, second factors, personal API keys and all
 * codes with their mailed tokens, including a pending change of address. API keys that the account created for
 * organizations are refused until an owner adopts them. If the address was never verified, also deletes phone number,
 * language and metadata, except metadata that backends wrote. Id, address, names, memberships and invitations are kept.
 *
 * A new table that lets somebody sign in or act as a user must be added here. `void-sign-in-methods.test.ts` fails
 * until every table that references `users` is classified.
 *
 * The row of the user must be locked already in this transaction, and it must be checked under this lock that the
 * account is unclaimed. Requests that authenticated earlier and wait for the lock must check that their credential
 * still exists: a code by consuming it, a password by `lockCredentials`, a session by `holdSession`.
 *
 * @returns the events of the API keys and of the secrets of machine users
 */
export async function voidSignInMethods(
  tx: Tx,
  context: Pick<Call, 'services' | 'appId'>,
  userId: string,
): Promise<ChangeEvent[]> {
  const { services, appId } = context;
  await deleteSessions(tx, appId, userId);
  await deleteIdentities(tx, appId, userId);
  await deleteDevices(tx, appId, userId);
  await deleteFactors(tx, appId, userId);
  const endedKeys = await endKeysOf(tx, context, userId);
  await voidAllCodes(tx, appId, userId);
  const secrets = await deleteSecretsCreatedBy(tx, appId, userId);
  await clearUnclaimedRow(tx, appId, userId, services.clock.now());
  return [...endedKeys, ...secrets.map(toDeletedSecretEvent)];
}
