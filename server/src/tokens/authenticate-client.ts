import { unusedId } from '../ids.ts';
import { ApiError } from '../http/errors.ts';
import type { ClientCredentials } from '../http/client-credentials.ts';
import { id as idSchema } from '../http/fields.ts';
import type { Call } from '../calls/route.ts';
import { isWithin, peerAddress } from '../http/network-address.ts';
import { sha256 } from '../keys/secrets.ts';
import { limits } from '../limits/limits.ts';
import { quotaKey, toRetryAfter } from '../calls/take-limit.ts';
import { type FoundClient, type MachineLimits, touchSecret } from '../machine-users/machine-users.store.ts';

/** Maximum delay of the recorded last use of a secret. */
export const touchEveryMs = 60_000;

/** Uses of a secret by a machine user. Each has a separate quota. */
type SecretUse = 'tokenRequestsPerMachinePerMinute' | 'introspectionsPerMachinePerMinute';

/** A machine user that presented a valid secret. */
export interface AuthenticatedClient {
  readonly id: string;
  readonly secretId: string;
  readonly limits: MachineLimits;
  /** The app of the machine user, as far as clients need it. */
  readonly found: FoundClient;
}

/** @throws ApiError `network_not_allowed` */
function checkNetwork({ request }: Call, { allowedNetworks }: MachineLimits): void {
  if (allowedNetworks && !isWithin(allowedNetworks, peerAddress(request))) throw new ApiError('network_not_allowed');
}

/**
 * Counted after the secret was verified, so that a caller who only knows the client id cannot exhaust the quota.
 *
 * @throws ApiError `rate_limited`
 */
export async function limitUse(
  { services, appId }: Call,
  use: SecretUse,
  id: string,
  countOfApp: number | null | undefined,
): Promise<void> {
  const { count, periodSeconds } = limits[use];
  const keyHash = quotaKey(services, use, id);
  const wait = await services.tokenLimit.take(appId, { keyHash, count: countOfApp ?? count, periodSeconds });
  if (wait !== undefined) throw new ApiError('rate_limited', { retryAfterInSeconds: toRetryAfter(wait) });
}

/**
 * Verifies the secret of a machine user of the app in the call. One query; once a minute, a second query records the
 * use of the secret.
 *
 * @param use the quota that the call consumes
 * @throws ApiError `app_not_found`, `app_inactive`, `invalid_client`, `network_not_allowed`, `rate_limited`
 */
export async function authenticateClient(
  call: Call,
  { clientId, clientSecret }: ClientCredentials,
  use: SecretUse,
): Promise<AuthenticatedClient> {
  const { services, appId } = call;
  const id = idSchema.safeParse(clientId).data ?? unusedId;
  const found = await services.lookups.client({ appId, clientId: id, secretHash: sha256(clientSecret) });
  if (!found) throw new ApiError('app_not_found');
  if (found.appStatus !== 'ACTIVE') throw new ApiError('app_inactive');
  if (found.secretId === null || found.limits === null) {
    throw new ApiError('invalid_client', { about: { target: { kind: 'machine', id: id === unusedId ? null : id } } });
  }
  checkNetwork(call, found.limits);
  await limitUse(call, use, id, found.counts[use]);
  const now = services.clock.now();
  if (found.lastUsedAt === null || now.getTime() - found.lastUsedAt.getTime() >= touchEveryMs) {
    await touchSecret(services.db, appId, id, found.secretId, now);
  }
  return { id, secretId: found.secretId, limits: found.limits, found };
}
