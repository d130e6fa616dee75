// oxlint-disable unicorn/require-post-message-target-origin -- messages between threads, not windows
import { Worker } from 'node:worker_threads';

/** The cost of one argon2id hash. */
export interface Argon2Parameters {
  /** KiB of memory. */
  readonly memoryCost: number;
  /** Number of passes over the memory. */
  readonly timeCost: number;
  /** Lanes. */
  readonly parallelism: number;
}

/** Request to a thread. */
export interface HashJob {
  readonly id: number;
  readonly password: string;
  /** The hash to verify against; undefined: hash the password with these parameters. */
  readonly hash: string | undefined;
  readonly parameters: Argon2Parameters;
}

/** Response of a thread: the hash, whether the password matches, or an error. */
export type HashAnswer =
  | { readonly id: number; readonly result: string | boolean }
  | { readonly id: number; readonly error: string };

type Work = Omit<HashJob, 'id'>;

interface Pending {
  readonly work: Work;
  resolve(result: string | boolean): void;
  reject(error: Error): void;
}

/** Each thread has a second job queued, so that it does not idle while the event loop is busy. */
const jobsPerThread = 2;

/** One thread with its jobs. It keeps the process alive only while it has jobs. */
class HashThread {
  readonly #worker = new Worker(new URL('hash-worker.js', import.meta.url));
  readonly #pending = new Map<number, Pending>();
  #nextId = 0;

  /** @param freed called when the thread can take another job, or has ended */
  constructor(freed: (gone: HashThread | undefined) => void) {
    this.#worker.unref();
    this.#worker.on('message', (answer: HashAnswer) => {
      this.#settle(answer);
      freed(undefined);
    });
    this.#worker.once('error', (error) => this.#fail(error));
    this.#worker.once('exit', () => {
      this.#fail(new Error('a thread that hashes passwords has ended'));
      freed(this);
    });
  }

  get load(): number {
    return this.#pending.size;
  }

  take(pending: Pending): void {
    const id = (this.#nextId += 1);
    if (this.#pending.size === 0) this.#worker.ref();
    this.#pending.set(id, pending);
    const job: HashJob = { id, ...pending.work };
    this.#worker.postMessage(job);
  }

  #settle(answer: HashAnswer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ('error' in answer) pending?.reject(new Error(answer.error));
    else pending?.resolve(answer.result);
  }

  #fail(error: Error): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
  }
}

/** Threads that hash passwords, at low CPU priority. */
export interface HashThreads {
  /** Hashes or verifies, in the order of the calls. */
  run(work: Work): Promise<string | boolean>;
  /** Rejects all waiting jobs except the first `kept`. Jobs already sent to a thread are finished. */
  giveUpWaiting(kept: number, reason: Error): void;
}

/** @param size maximum number of threads; each is started when it is needed */
export function createHashThreads(size: number): HashThreads {
  const threads: HashThread[] = [];
  const waiting: Pending[] = [];

  function idlest(): HashThread | undefined {
    const [found] = threads.toSorted((a, b) => a.load - b.load);
    if (found?.load === 0 || threads.length === size) return found;
    const started = new HashThread((gone) => {
      if (gone) threads.splice(threads.indexOf(gone), 1);
      dispatch();
    });
    threads.push(started);
    return started;
  }

  function dispatch(): void {
    while (waiting.length > 0) {
      const thread = idlest();
      const next = thread && thread.load < jobsPerThread ? waiting.shift() : undefined;
      if (!next) return;
      thread?.take(next);
    }
  }

  return {
    run: (work) =>
      new Promise((resolve, reject) => {
        waiting.push({ work, resolve, reject });
        dispatch();
      }),
    giveUpWaiting: (kept, reason) => {
      for (const pending of waiting.splice(kept)) pending.reject(reason);
    },
  };
}
