import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBackground } from './background.ts';
import type { BackgroundTask } from './calls/background-task.ts';
import { TaskRuns } from './task-runs.ts';
import { buildTestApp, type TestApp } from './test/setup.ts';

let app: TestApp;

beforeAll(async () => {
  app = await buildTestApp();
});
afterAll(() => app?.close());

/** A task that reports when it has run this number of times, and then continues as the test says. */
function counting(times: number, work: (signal: AbortSignal) => Promise<void> = () => Promise.resolve()) {
  let runs = 0;
  let reached: () => void = () => {};
  const done = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const task: BackgroundTask = {
    name: 'count',
    everyMs: 1,
    run: (_, signal) => {
      runs += 1;
      if (runs === times) reached();
      return work(signal);
    },
  };
  return { task, done, runs: () => runs };
}

describe('background tasks', () => {
  test('run again and again, also after a failure, which is reported with their name', async () => {
    const failures: unknown[] = [];
    const failure = new Error('out of luck');
    const counted = counting(3, () => Promise.reject(failure));
    const background = startBackground(app.services, (...reported) => failures.push(reported), [counted.task]);
    await counted.done;
    await background.stop();
    expect(failures.slice(0, 2)).toEqual([
      [failure, 'count'],
      [failure, 'count'],
    ]);
    const metrics = await app.app.metrics.text();
    expect(metrics).toMatch(/^gatehouse_background_task_failures_total\{task="count"\} ([3-9]|\d\d+)$/m);
    expect(metrics).toMatch(/^gatehouse_background_task_lag_seconds\{task="count"\} [\d.]+$/m);
  });

  test('lag by the time for which the next success is overdue', () => {
    let now = 0;
    const runs = new TaskRuns(() => now);
    runs.begin('hourly', 60_000);
    const lagAt = (time: number) => {
      now = time;
      return runs.states.get('hourly');
    };
    expect(lagAt(60_000)).toEqual({ failures: 0, lagMs: 0 });
    runs.noteEnd('hourly', false);
    expect(lagAt(61_000)).toEqual({ failures: 1, lagMs: 1_000 });
    runs.noteEnd('hourly', true);
    expect(lagAt(121_000)).toEqual({ failures: 1, lagMs: 0 });
    expect(lagAt(122_500)).toEqual({ failures: 1, lagMs: 1_500 });
  });

  test('are awaited by a stop, get its signal, and do not run after it', async () => {
    let ended = false;
    const counted = counting(1, async (signal) => {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      ended = true;
    });
    const background = startBackground(app.services, () => {}, [counted.task]);
    await counted.done;
    await background.stop();
    expect(ended).toBe(true);
    expect(counted.runs()).toBe(1);
  });

  test('need not have run to be stopped', async () => {
    const counted = counting(1);
    await startBackground(app.services, () => {}, [{ ...counted.task, everyMs: 3_600_000 }]).stop();
    expect(counted.runs()).toBe(0);
  });
});
