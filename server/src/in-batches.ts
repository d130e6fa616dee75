/** Small, so that the locks of one statement are held only briefly. */
const defaultSize = 500;

/**
 * Repeats a deletion until no full batch is left, or the process stops.
 *
 * @param deleteSome deletes at most `limit` rows and returns their number
 */
export async function inBatches(
  signal: AbortSignal,
  deleteSome: (limit: number) => Promise<number>,
  size = defaultSize,
): Promise<void> {
  let deleted = size;
  while (deleted >= size && !signal.aborted) deleted = await deleteSome(size);
}
