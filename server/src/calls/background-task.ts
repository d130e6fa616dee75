import type { Services } from './services.ts';

/**
 * Work that goes on in the background: sending what is queued, removing what has run out. Any number of processes
 * run every task at the same time, so a task takes what it works on from the database and under its locks.
 */
export interface BackgroundTask {
  /** Description for the log. */
  readonly name: string;
  /** Pause between the end of one run and the start of the next, in milliseconds. */
  readonly everyMs: number;
  /** Whether the first run comes at once, not after the first pause. */
  readonly runsAtStart?: boolean;
  /**
   * One run: does what is due and returns. Tests call it directly.
   *
   * @param signal aborted when the process is told to stop; a long run returns early then
   */
  readonly run: (services: Services, signal: AbortSignal) => Promise<void>;
}
