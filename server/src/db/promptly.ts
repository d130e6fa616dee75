import { setTimeout as delay } from 'node:timers/promises';

const patienceMs = 1_000;

/**
 * Asks the database for a metric. Metrics are read while the database hangs, too: an answer that takes longer than a
 * second is not waited for, and the next question is not sent before the answer has come.
 *
 * @returns a function that resolves to undefined if there is no answer
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
