/** A guard without which the tests notice nothing, and what else stands in the way. */
export interface Harmless {
  /** Path below the server's folder. */
  readonly file: string;
  readonly guard: string;
  /** Code near the guard that tells it from others that read the same. */
  readonly context: string;
  readonly reason: string;
}

export const harmless: readonly Harmless[] = [];
