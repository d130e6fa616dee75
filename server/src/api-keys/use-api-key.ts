import type { Services } from '../calls/services.ts';
import { quotaKey, toRetryAfter } from '../calls/take-limit.ts';
import { DatabaseUnavailableError } from '../db/db.ts';
import { sha256 } from '../keys/secrets.ts';
import { isWellFormedApiKey } from './api-key.ts';
import { touchApiKey } from './api-keys.store.ts';
import type { FoundApiKey } from './find-api-keys.store.ts';

/** Maximum delay of the recorded last use of a key, so that most introspections only read. */
const touchEveryMs = 60_000;

/** A valid key that was presented. */
export interface UsedApiKey extends FoundApiKey {
  /** Whole seconds until the key may be used again; undefined if it is within its quota. */
  readonly retryAfterSeconds: number | undefined;
}

type UseServices = Pick<Services, 'db' | 'clock' | 'lookups' | 'sealer' | 'apiKeyLimit' | 'apiKeyUses'>;

/** If the use cannot be recorded now, the next use is recorded. */
function passOver(error: unknown): void {
  if (!(error instanceof DatabaseUnavailableError)) throw error;
}

async function noteUse({ db }: UseServices, appId: string, found: FoundApiKey, now: Date): Promise<void> {
  const isDue = found.lastUsedAt === null || now.getTime() - found.lastUsedAt.getTime() >= touchEveryMs;
  if (isDue) await touchApiKey(db, appId, found.id, now).catch(passOver);
}

async function consumeQuota(services: UseServices, appId: string, { id, perMinute }: FoundApiKey) {
  if (perMinute === null) return undefined;
  const keyHash = quotaKey(services, 'apiKeyPerMinute', id);
  const wait = await services.apiKeyLimit.take(appId, { keyHash, count: perMinute, periodSeconds: 60 });
  return wait === undefined ? undefined : toRetryAfter(wait);
}

/**
 * Looks up an API key, charges the use to its quota and records it. A value with a wrong checksum is refused without
 * the database.
 *
 * @returns undefined if the key is not valid
 */
export async function useApiKey(services: UseServices, appId: string, key: string): Promise<UsedApiKey | undefined> {
  const used = await lookUp(services, appId, key);
  services.apiKeyUses.count(used ? (used.retryAfterSeconds === undefined ? 'allowed' : 'over_quota') : 'refused');
  return used;
}

async function lookUp(services: UseServices, appId: string, key: string): Promise<UsedApiKey | undefined> {
  if (!isWellFormedApiKey(key)) return undefined;
  const now = services.clock.now();
  const found = await services.lookups.apiKey({ appId, keyHash: sha256(key) });
  if (!found) return undefined;
  const retryAfterSeconds = await consumeQuota(services, appId, found);
  await noteUse(services, appId, found, now);
  return { ...found, retryAfterSeconds };
}
