import type { BackgroundTask } from '../calls/background-task.ts';
import type { TestApp } from './setup.ts';

/** Runs a background task until nothing is due, like a process in its next run. */
export const runTask = ({ services }: TestApp, task: BackgroundTask): Promise<void> =>
  task.run(services, new AbortController().signal);
