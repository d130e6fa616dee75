import type { Services } from './services.ts';

/**
 * Work in the background, such as sending queued mails or deleting expired rows. All processes run every task
 * concurrently, so a task claims its rows in the database and relies on row locks.
 */
export interface BackgroundTask {
  /** Description for the log. */
  readonly name: string;
  /** Pause between the end of one run and the start of the next, in milliseconds. */
  readonly everyMs: number;
  /** Whether the first run starts immediately instead of after the first pause. */
  readonly runsAtStart?: boolean;
  /**
   * One run: processes what is due and returns. Tests call it directly.
   *
   * @param signal aborted when the process stops; a long run then returns early
   */
  readonly run: (services: Services, signal: AbortSignal) => Promise<void>;
}
