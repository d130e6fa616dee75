import { setTimeout as delay } from 'node:timers/promises';

const patienceMs = 1_000;

/**
 * Queries the database for a metric. Metrics are read even while the database hangs, so the query waits at most a
 * second for a response. The next query is sent only after the previous response has arrived.
 *
 * @returns a function that resolves to undefined if there is no response in time
 */
export function promptly<Result>(ask: () => Promise<Result>): () => Promise<Result | undefined> {
  let asked: Promise<Result | undefined> | undefined;
  return async () => {
    asked ??= ask()
      .catch(() => undefined)
      .finally(() => (asked = undefined));
    const enough = new AbortController();
    const patience = delay(patienceMs, undefined, { ref: false, signal: enough.signal }).catch(() => undefined);
    try {
      return await Promise.race([asked, patience]);
    } finally {
      enough.abort();
    }
  };
}
