import { OverloadedError } from './overloaded-error.ts';

export interface AdmissionOptions {
  /** Maximum number of concurrent tasks. */
  readonly concurrency: number;
  /** Maximum number of waiting tasks. */
  readonly maxQueued: number;
  /** Maximum expected wait of a task, in milliseconds. */
  readonly maxWaitMs: number;
  /** Assumed duration of a task, in milliseconds, until the first tasks have been measured. */
  readonly expectedTaskMs: number;
  /** Milliseconds of a monotonic clock; default: the clock of the process. */
  readonly now?: (() => number) | undefined;
}

/** The load of the threads. */
export interface Load {
  readonly running: number;
  readonly waiting: number;
  /** Expected wait of the next task, in milliseconds. */
  readonly expectedWaitMs: number;
}

/** Weight of a new measurement against the previous ones. */
const weight = 0.2;

/** Admits tasks that can begin within a bounded time, and refuses the others at once. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #now: () => number;
  #admitted = 0;
  /** Mean time from one end of a task to the next while all threads are busy. */
  #intervalMs: number;
  #latestEnd = 0;
  /** No task begins after this time. */
  #closesAt = Number.POSITIVE_INFINITY;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#intervalMs = options.expectedTaskMs / options.concurrency;
  }

  get load(): Load {
    const waiting = Math.max(0, this.#admitted - this.#options.concurrency);
    const placesBefore = Math.max(0, this.#admitted - this.#options.concurrency + 1);
    return { running: this.#admitted - waiting, waiting, expectedWaitMs: placesBefore * this.#interval(waiting) };
  }

  /** @throws OverloadedError if a new task would wait too long, or too many tasks wait already */
  expectRoom(): void {
    const { concurrency, maxQueued, maxWaitMs } = this.#options;
    const { expectedWaitMs } = this.load;
    const longestWaitMs = Math.min(maxWaitMs, this.#closesAt - this.#now());
    if (this.#admitted < concurrency + maxQueued && expectedWaitMs <= longestWaitMs) return;
    throw new OverloadedError(Math.max(1, Math.ceil(expectedWaitMs / 1000)));
  }

  /** @throws OverloadedError as `expectRoom` */
  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    this.expectRoom();
    if (this.#admitted < this.#options.concurrency) this.#latestEnd = this.#now();
    this.#admitted += 1;
    try {
      return await task();
    } finally {
      this.#measure();
      this.#admitted -= 1;
    }
  }

  /**
   * Admits only tasks that are expected to begin within this time from now.
   *
   * @returns the number of waiting tasks that are expected to begin by then
   */
  closeWithin(milliseconds: number): number {
    this.#closesAt = this.#now() + milliseconds;
    const { waiting } = this.load;
    return Math.min(waiting, Math.floor(milliseconds / this.#interval(waiting)));
  }

  #measure(): void {
    const end = this.#now();
    const isEveryThreadBusy = this.#admitted >= this.#options.concurrency;
    if (isEveryThreadBusy) this.#intervalMs += weight * (end - this.#latestEnd - this.#intervalMs);
    this.#latestEnd = end;
  }

  /**
   * Without CPU time, the threads complete no tasks, so nothing is measured. Then the time since the last completed
   * task counts.
   */
  #interval(waiting: number): number {
    return waiting === 0 ? this.#intervalMs : Math.max(this.#intervalMs, this.#now() - this.#latestEnd);
  }
}
