import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Db } from '../db/db.ts';
import { type Share, take } from './limits.store.ts';

/** A limit on a hot path: a process takes a few units at a time from the database and spends them by itself. */
export interface LeasedLimit {
  /**
   * Takes one unit of a share. However many processes take, they never get more than the share has; a process that
   * stops spending loses what it took ahead.
   *
   * @returns undefined when there was one, else the seconds until it is worth another try
   */
  take(appId: string, share: LeasedShare): Promise<number | undefined>;
}

type LeasedShare = Share & { readonly count: number };

/** The leased part of one quota in this process. Times are in milliseconds since 1970. */
interface Lease {
  left: number;
  /** When the lease expires. Units that are left then are discarded. */
  until: number;
  /** No request to the database before this time. */
  emptyUntil: number;
  filling: Promise<void> | undefined;
}

/** A twentieth of a share at a time: few writes for who takes much, and little lost for who takes little. */
const parts = 20;
/** Shares that a process remembers. */
const remembered = 10_000;
/** How long a process takes the database's word that there is none. */
const longestRefusalMs = 1_000;

const chunkOf = ({ count }: LeasedShare): number => Math.max(1, Math.floor(count / parts));

export function createLeasedLimit(db: Db, clock: Clock): LeasedLimit {
  const leases = new LRUCache<string, Lease>({ max: remembered });

  function leaseOf(appId: string, { keyHash }: Share): Lease {
    const name = `${appId}:${keyHash.toString('base64')}`;
    const known = leases.get(name);
    if (known) return known;
    const fresh: Lease = { left: 0, until: 0, emptyUntil: 0, filling: undefined };
    leases.set(name, fresh);
    return fresh;
  }

  async function fill(lease: Lease, appId: string, share: LeasedShare): Promise<void> {
    const now = clock.now();
    const chunk = chunkOf(share);
    // Near the end of a share there may be one although there is no chunk.
    for (const units of chunk > 1 ? [chunk, 1] : [1]) {
      const wait = await take(db, appId, share, now, units);
      if (wait === undefined) {
        lease.left = units;
        lease.until = now.getTime() + (share.periodSeconds * 1000) / parts;
        return;
      }
      lease.emptyUntil = now.getTime() + Math.min(Math.max(1, Math.ceil(wait * 1000)), longestRefusalMs);
    }
  }

  return {
    take: async (appId, share) => {
      const lease = leaseOf(appId, share);
      for (;;) {
        const now = clock.now().getTime();
        if (lease.left > 0 && now < lease.until) {
          lease.left -= 1;
          return undefined;
        }
        // Further away it is of a clock that was set back since.
        const isEmpty = now < lease.emptyUntil && lease.emptyUntil - now <= longestRefusalMs;
        if (isEmpty) return (lease.emptyUntil - now) / 1000;
        lease.filling ??= fill(lease, appId, share).finally(() => (lease.filling = undefined));
        await lease.filling;
      }
    },
  };
}
