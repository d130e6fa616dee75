import { OverloadedError } from './overloaded-error.ts';

export interface AdmissionOptions {
  /** Tasks that run at one time. */
  readonly concurrency: number;
  /** Tasks that may wait. */
  readonly maxQueued: number;
  /** Maximum expected wait of a task, in milliseconds. */
  readonly maxWaitMs: number;
  /** Assumed duration of a task, in milliseconds, until the first tasks have been measured. */
  readonly expectedTaskMs: number;
  /** Milliseconds of a clock that is never set; default: that of the process. */
  readonly now?: (() => number) | undefined;
}

/** How busy the threads are. */
export interface Load {
  readonly running: number;
  readonly waiting: number;
  /** Expected wait of the next task, in milliseconds. */
  readonly expectedWaitMs: number;
}

/** How much a new measurement counts beside those before it. */
const weight = 0.2;

/** Lets in what can begin within a bounded time, and refuses the rest at once. */
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

  /** @throws OverloadedError when a task that came now would wait for too long, or too many wait already */
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
   * Lets in only what is expected to begin within this time from now.
   *
   * @returns how many of the tasks that wait are expected to begin by then
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
   * Threads that get no processor end nothing, so that nothing is measured: then the time since the latest end tells.
   */
  #interval(waiting: number): number {
    return waiting === 0 ? this.#intervalMs : Math.max(this.#intervalMs, this.#now() - this.#latestEnd);
  }
}
