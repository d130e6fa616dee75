import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Db } from '../db/db.ts';
import { type Quota, take } from './limits.store.ts';

/** A limit on a hot path: a process leases a few units at a time from the database and consumes them locally. */
export interface LeasedLimit {
  /**
   * Consumes one unit of a quota. All processes together never exceed the quota. Leased units that a process does not
   * use are lost.
   *
   * @returns undefined if a unit was consumed, otherwise the seconds until the next attempt can succeed
   */
  take(appId: string, quota: LeasedQuota): Promise<number | undefined>;
}

type LeasedQuota = Quota & { readonly count: number };

/** The leased part of one quota in this process. Times are in milliseconds since 1970. */
interface Lease {
  left: number;
  /** When the lease expires. Remaining units are then discarded. */
  until: number;
  /** No request to the database before this time. */
  emptyUntil: number;
  /** When the database grants the next unit, unless other processes consume it. */
  refilledAt: number;
  filling: Promise<void> | undefined;
}

/** Lease a twentieth of the quota at a time: few writes under load, and few units lost when a lease expires. */
const parts = 20;
/** Maximum number of quotas that a process tracks. */
const remembered = 10_000;
/** Maximum time, in milliseconds, for which a process remembers that a quota is exhausted. */
const longestRefusalMs = 1_000;

const chunkOf = ({ count }: LeasedQuota): number => Math.max(1, Math.floor(count / parts));

export function createLeasedLimit(db: Db, clock: Clock): LeasedLimit {
  const leases = new LRUCache<string, Lease>({ max: remembered });

  function leaseOf(appId: string, { keyHash }: Quota): Lease {
    const name = `${appId}:${keyHash.toString('base64')}`;
    const known = leases.get(name);
    if (known) return known;
    const fresh: Lease = { left: 0, until: 0, emptyUntil: 0, refilledAt: 0, filling: undefined };
    leases.set(name, fresh);
    return fresh;
  }

  async function fill(lease: Lease, appId: string, quota: LeasedQuota): Promise<void> {
    const now = clock.now();
    const chunk = chunkOf(quota);
    // If no full chunk is left, try a single unit.
    for (const units of chunk > 1 ? [chunk, 1] : [1]) {
      const wait = await take(db, appId, quota, now, units);
      if (wait === undefined) {
        lease.left = units;
        lease.until = now.getTime() + (quota.periodSeconds * 1000) / parts;
        return;
      }
      const waitMs = Math.max(1, Math.ceil(wait * 1000));
      lease.refilledAt = now.getTime() + waitMs;
      lease.emptyUntil = now.getTime() + Math.min(waitMs, longestRefusalMs);
    }
  }

  return {
    take: async (appId, quota) => {
      const lease = leaseOf(appId, quota);
      for (;;) {
        const now = clock.now().getTime();
        if (lease.left > 0 && now < lease.until) {
          lease.left -= 1;
          return undefined;
        }
        // If `emptyUntil` is further away, the clock was set back: ask the database.
        const isEmpty = now < lease.emptyUntil && lease.emptyUntil - now <= longestRefusalMs;
        if (isEmpty) return (lease.refilledAt - now) / 1000;
        lease.filling ??= fill(lease, appId, quota).finally(() => (lease.filling = undefined));
        await lease.filling;
      }
    },
  };
}
