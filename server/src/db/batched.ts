import DataLoader from 'dataloader';

/** Keys of one statement at the most; more go into another. */
const maxBatchSize = 100;

/**
 * Makes one statement answer for many: requests that arrive in the same turn of the event loop are looked up together.
 * Nothing is remembered. The statement starts after each of its requests has arrived, so it sees every change that was
 * committed before any of them.
 *
 * @param find answers in the order of the keys
 */
export function batched<Key, Found>(find: (keys: readonly Key[]) => Promise<Found[]>): (key: Key) => Promise<Found> {
  const batchScheduleFn = (run: () => void) => void setImmediate(run);
  const loader = new DataLoader(find, { cache: false, maxBatchSize, batchScheduleFn });
  return (key) => loader.load(key);
}
