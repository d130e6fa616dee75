import { performance } from 'node:perf_hooks';
import type { Clock } from './clock.ts';
import type { Log } from './db/db.ts';

/** One reading of the database's clock. The two times of this process are values of `performance.now()`. */
export interface ClockReading {
  /** Milliseconds since 1970, rounded down. */
  readonly databaseMs: number;
  readonly sentAt: number;
  readonly receivedAt: number;
}

/**
 * Tolerated difference between clocks. A larger difference is reported, and a larger backward step counts as a step.
 */
const toleratedMs = 2_000;
/**
 * Below this value, a reported difference counts as resolved, so that a clock near the limit is not reported
 * repeatedly.
 */
const settledMs = 1_000;

/** Whether a difference between two clocks must be reported. */
export const isOff = (offsetSeconds: number): boolean => Math.abs(offsetSeconds) * 1000 > toleratedMs;

/**
 * The time of the database. Between two readings it advances with the monotonic clock of this process, so that machines
 * with wrong clocks agree about what has expired.
 *
 * A reading only says that the database's time was `databaseMs` at some time between request and response. The clock is
 * corrected only if it contradicts a reading, so a slow response does not shift it. Until the first reading, this
 * clock shows the time of the machine.
 *
 * @example const clock = new DatabaseClock(); const ids = await leaseNode(db, { clock }); // reads the database's
 *   clock with each renewal clock.now();
 */
export class DatabaseClock implements Clock {
  readonly #log: Log;
  /** The database's time minus the monotonic time. */
  #offsetMs = Date.now() - performance.now();
  #reportedMs = 0;
  #isReported = false;

  constructor(log: Log = () => {}) {
    this.#log = log;
  }

  now(): Date {
    return new Date(this.milliseconds());
  }

  /** Milliseconds since 1970, with fractions. */
  milliseconds(): number {
    return this.#offsetMs + performance.now();
  }

  /** Seconds by which the clock of this machine is ahead of the database's. */
  get machineOffsetSeconds(): number {
    return (Date.now() - this.milliseconds()) / 1000;
  }

  /**
   * Applies a reading. Logs a warning if the clock of this machine begins to differ, or differs by another amount.
   *
   * @returns whether the database's clock was set back
   */
  adopt({ databaseMs, sentAt, receivedAt }: ClockReading): boolean {
    const before = this.#offsetMs;
    this.#offsetMs = Math.min(Math.max(before, databaseMs - receivedAt), databaseMs + 1 - sentAt);
    this.#report();
    return this.#offsetMs - before < -toleratedMs;
  }

  #report(): void {
    const offsetMs = this.machineOffsetSeconds * 1000;
    const differs = Math.abs(offsetMs) > (this.#isReported ? settledMs : toleratedMs);
    if (differs === this.#isReported && Math.abs(offsetMs - this.#reportedMs) <= toleratedMs) return;
    this.#isReported = differs;
    this.#reportedMs = differs ? offsetMs : 0;
    const details = { offsetSeconds: Math.round(offsetMs / 100) / 10 };
    if (differs) this.#log('warn', 'The clock of this machine differs from the clock of the database', details);
    else this.#log('info', 'The clock of this machine agrees with the clock of the database again', details);
  }
}
