import { createHmac } from 'node:crypto';
import type { Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from './route.ts';
import { appOfCall, type CallApp } from './call-app.ts';
import type { Services } from './services.ts';
import { limits, type LimitName } from '../limits/limits.ts';
import { type Quota, take } from '../limits/limits.store.ts';

/** Database key of a quota. An HMAC, so that a database dump reveals neither the limit nor the subject. */
export function quotaKey(
  services: Pick<Services, 'sealer'>,
  name: LimitName | 'apiKeyPerMinute',
  whose: string,
): Buffer {
  return createHmac('sha256', services.sealer.deriveKey('limits'))
    .update(JSON.stringify([name, whose]))
    .digest();
}

/** The quota of one subject (`whose`), with the limit from the app settings. */
export function quotaOf(
  services: Pick<Services, 'sealer'>,
  app: Pick<CallApp, 'settings'>,
  name: LimitName,
  whose: string,
): Quota {
  const keyHash = quotaKey(services, name, whose);
  return { keyHash, count: app.settings.limits[name], periodSeconds: limits[name].periodSeconds };
}

/** Like `quotaOf`, for statements that read the limit from the CTE `app` instead of loaded settings. */
export function quotaInQuery(services: Pick<Services, 'sealer'>, name: LimitName, whose: string): Quota {
  const set = sql`(SELECT (settings -> 'limits' ->> ${name})::integer FROM app)`;
  const count = sql`COALESCE(${set}, ${limits[name].count}::integer)`;
  return { keyHash: quotaKey(services, name, whose), count, periodSeconds: limits[name].periodSeconds };
}

/** Value of `Retry-After`: whole seconds, at least one. */
export const toRetryAfter = (seconds: number): number => Math.max(1, Math.ceil(seconds));

/**
 * Consumes one unit of the quota of `whose` (an id, e-mail key or address key). The unit is committed before the
 * function returns, so that concurrent requests and other processes cannot exceed the quota.
 *
 * @returns undefined if a unit was consumed, otherwise the whole seconds until a unit is refilled
 */
export async function tryLimit(
  services: Services,
  app: Pick<CallApp, 'id' | 'settings'>,
  name: LimitName,
  whose: string,
): Promise<number | undefined> {
  const quota = quotaOf(services, app, name, whose);
  const wait = await take(services.db, app.id, quota, services.clock.now());
  return wait === undefined ? undefined : toRetryAfter(wait);
}

/**
 * Consumes one unit of a quota, or refuses the call.
 *
 * @throws ApiError `rate_limited` with `Retry-After`
 * @example await takeLimit(call, 'invitationsPerDay', call.orgId);
 */
export async function takeLimit(call: Call, name: LimitName, whose: string): Promise<void> {
  const wait = await tryLimit(call.services, await appOfCall(call), name, whose);
  if (wait !== undefined) throw new ApiError('rate_limited', { retryAfterInSeconds: wait });
}

/**
 * Like `tryLimit`, but in the transaction `tx`: a rollback refunds the unit. Concurrent calls on the same quota
 * wait for the transaction to end.
 *
 * @returns undefined if a unit was consumed, otherwise the whole seconds until a unit is refilled
 */
export async function tryLimitWithin(tx: Tx, call: Call, name: LimitName, whose: string): Promise<number | undefined> {
  const app = await appOfCall(call);
  const wait = await take(tx, app.id, quotaOf(call.services, app, name, whose), call.services.clock.now());
  return wait === undefined ? undefined : toRetryAfter(wait);
}

/**
 * Like `takeLimit`, but in the transaction `tx`.
 *
 * @throws ApiError `rate_limited` with `Retry-After`
 */
export async function takeLimitWithin(tx: Tx, call: Call, name: LimitName, whose: string): Promise<void> {
  const wait = await tryLimitWithin(tx, call, name, whose);
  if (wait !== undefined) throw new ApiError('rate_limited', { retryAfterInSeconds: wait });
}
