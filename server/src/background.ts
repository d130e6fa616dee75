import { setMaxListeners } from 'node:events';
import type { BackgroundTask } from './calls/background-task.ts';
import type { Services } from './calls/services.ts';

/** Called after a failed run. The next run retries. */
export type ReportFailure = (error: unknown, task: string) => void;

export interface Background {
  /** Starts no further run and waits for those under way. */
  stop(): Promise<void>;
}

/** Processes that were started together must not all come at the same moment. */
const withJitter = (milliseconds: number): number =>
  milliseconds * (shortestPause + (longestPause - shortestPause) * Math.random());
const shortestPause = 0.8;
const longestPause = 1.2;

/**
 * Runs every task again and again until it is stopped. A task never overlaps itself within a process.
 *
 * @example
 * const report: ReportFailure = (error, task) => log.error({ err: error, task }, 'background task failed');
 * const background = startBackground(services, report, backgroundTasks);
 * await background.stop();
 */
export function startBackground(
  services: Services,
  report: ReportFailure,
  tasks: readonly BackgroundTask[],
): Background {
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal); // every task listens: many are no leak
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

/** Waits, but no longer than until the signal; never keeps a process alive. */
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
