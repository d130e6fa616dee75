import { expect, it } from 'vitest';
import { Admission, type AdmissionOptions } from './admission.ts';
import { OverloadedError } from './overloaded-error.ts';

/** Threads whose tasks end when the test says so, on a clock that the test moves. */
class Threads {
  time = 1_000_000;
  readonly admission: Admission;
  readonly #ends: (() => void)[] = [];
  readonly #runs: Promise<void>[] = [];

  constructor(options: Partial<AdmissionOptions> = {}) {
    this.admission = new Admission({
      concurrency: 2,
      maxQueued: 100,
      maxWaitMs: 5_000,
      expectedTaskMs: 50,
      now: () => this.time,
      ...options,
    });
  }

  /** @returns the number of tasks, of this number, that were admitted */
  offer(tasks: number): number {
    const before = this.#runs.length;
    for (let task = 0; task < tasks; task += 1) {
      try {
        this.admission.expectRoom();
      } catch (error) {
        expect(error).toBeInstanceOf(OverloadedError);
        continue;
      }
      this.#runs.push(this.admission.run(() => new Promise((resolve) => this.#ends.push(resolve))));
    }
    return this.#runs.length - before;
  }

  /** Ends this number of tasks, each after this number of milliseconds. */
  async end(tasks: number, afterMs: number): Promise<void> {
    for (let task = 0; task < tasks; task += 1) {
      this.time += afterMs;
      this.#ends.shift()?.();
      await this.#runs.shift();
    }
  }
}

it('accepts as many tasks as may run and wait at one time', () => {
  expect(new Threads({ maxQueued: 3 }).offer(10)).toBe(5);
  expect(new Threads({ maxQueued: 0 }).offer(10)).toBe(2);
});

it('keeps the wait below its limit: by the expected time of a task, before any has ended', () => {
  const threads = new Threads({ maxWaitMs: 100 });
  expect(threads.offer(10)).toBe(2 + 4);
  expect(threads.admission.load).toEqual({ running: 2, waiting: 4, expectedWaitMs: 5 * 25 });
});

it('learns from tasks that end slowly, and from those that end fast again', async () => {
  const threads = new Threads();
  threads.offer(60);
  await threads.end(40, 1_000);
  expect(threads.offer(100)).toBe(0);
  expect(() => threads.admission.expectRoom()).toThrow(expect.objectContaining({ retryAfterInSeconds: 19 }));
  await threads.end(16, 1_000);
  expect(threads.offer(100)).toBe(3);
  await threads.end(7, 10);
  for (let round = 0; round < 20; round += 1) {
    threads.offer(5);
    await threads.end(5, 10);
  }
  expect(threads.offer(1_000)).toBe(102);
});

it('accepts no further task while tasks wait and none ends', () => {
  const threads = new Threads();
  threads.offer(10);
  threads.time += 4_000;
  expect(threads.offer(1)).toBe(0);
});

it('does not count a pause without tasks as a slow task', async () => {
  const threads = new Threads();
  threads.offer(4);
  await threads.end(4, 10);
  threads.time += 3_600_000;
  expect(threads.offer(20)).toBe(20);
  await threads.end(20, 10);
  expect(threads.admission.load).toMatchObject({ running: 0, waiting: 0 });
  expect(threads.admission.load.expectedWaitMs).toBe(0);
});

it('makes room when a task fails', async () => {
  const threads = new Threads({ concurrency: 1, maxQueued: 0 });
  await expect(threads.admission.run(() => Promise.reject(new Error('thread died')))).rejects.toThrow('thread died');
  expect(threads.offer(2)).toBe(1);
});

it('accepts before a stop only tasks that are expected to begin until then', () => {
  const threads = new Threads();
  threads.offer(20);
  expect(threads.admission.closeWithin(250)).toBe(10);
  expect(threads.offer(1)).toBe(0);
  const idle = new Threads();
  expect(idle.admission.closeWithin(250)).toBe(0);
  expect(idle.offer(100)).toBe(2 + 10);
  idle.time += 250;
  expect(new Threads().offer(1)).toBe(1);
  expect(idle.offer(1)).toBe(0);
});
