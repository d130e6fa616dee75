import { setMaxListeners } from 'node:events';
import type { BackgroundTask } from './calls/background-task.ts';
import type { Services } from './calls/services.ts';

/** Called after a failed run. The next run retries. */
export type ReportFailure = (error: unknown, task: string) => void;

export interface Background {
  /** Starts no further run and waits for running ones. */
  stop(): Promise<void>;
}

/** Random pauses, so that processes that start together do not run the task at the same time. */
const withJitter = (milliseconds: number): number =>
  milliseconds * (shortestPause + (longestPause - shortestPause) * Math.random());
const shortestPause = 0.8;
const longestPause = 1.2;

/**
 * Runs every task repeatedly until it is stopped. Runs of one task never overlap within a process.
 *
 * @example const report: ReportFailure = (error, task) => log.error({ err: error, task }, 'background task failed');
 *   const background = startBackground(services, report, backgroundTasks); await background.stop();
 */
export function startBackground(
  services: Services,
  report: ReportFailure,
  tasks: readonly BackgroundTask[],
): Background {
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal); // Every task adds a listener, which is not a leak.
  const loops = tasks.map((task) => repeat(task, services, report, stopping.signal));
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

async function repeat(
  task: BackgroundTask,
  services: Services,
  report: ReportFailure,
  signal: AbortSignal,
): Promise<void> {
  const { taskRuns } = services;
  taskRuns.begin(task.name, task.everyMs * longestPause);
  let pauseMs = task.runsAtStart === true ? 0 : withJitter(task.everyMs);
  while (!signal.aborted) {
    await pause(pauseMs, signal);
    if (signal.aborted) return;
    pauseMs = withJitter(task.everyMs);
    const hasSucceeded = await task.run(services, signal).then(
      () => true,
      (error: unknown) => {
        report(error, task.name);
        return false;
      },
    );
    taskRuns.noteEnd(task.name, hasSucceeded);
  }
}

/** Waits until the time is over or the signal is aborted. Never keeps the process alive. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds).unref();
    signal.addEventListener('abort', done);
  });
}
