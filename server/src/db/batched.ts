import DataLoader from 'dataloader';

/** Maximum number of keys of one statement. Further keys use another statement. */
const maxBatchSize = 100;

/**
 * Batches lookups: requests that arrive in the same turn of the event loop share one statement. Nothing is cached. The
 * statement starts after each of its requests has arrived, so it sees every change that was committed before any of
 * them.
 *
 * @param find returns the results in the order of the keys
 */
export function batched<Key, Found>(find: (keys: readonly Key[]) => Promise<Found[]>): (key: Key) => Promise<Found> {
  const batchScheduleFn = (run: () => void) => void setImmediate(run);
  const loader = new DataLoader(find, { cache: false, maxBatchSize, batchScheduleFn });
  return (key) => loader.load(key);
}

/** The rules for keys that share a statement. */
export interface Sharing<Key> {
  /** Keys of different groups never share a statement, so that a group cannot delay or fail another. */
  readonly groupOf: (key: Key) => string;
  /** The cost of a key in its statement. */
  readonly weightOf: (key: Key) => number;
  /** Maximum total weight of the keys of one statement. */
  readonly maxWeight: number;
}

/** Like {@link batched}, for keys of unequal cost. */
export function batchedByGroup<Key, Found>(
  find: (keys: readonly Key[]) => Promise<Found[]>,
  { groupOf, weightOf, maxWeight }: Sharing<Key>,
): (key: Key) => Promise<Found> {
  const batches = new Map<string, { weight: number; readonly load: (key: Key) => Promise<Found> }>();
  const openBatch = (group: string) => {
    const batch = { weight: 0, load: batched(find) };
    batches.set(group, batch);
    setImmediate(() => void batches.delete(group));
    return batch;
  };
  return (key) => {
    const group = groupOf(key);
    const weight = weightOf(key);
    const last = batches.get(group);
    const batch = last && last.weight + weight <= maxWeight ? last : openBatch(group);
    batch.weight += weight;
    return batch.load(key);
  };
}
