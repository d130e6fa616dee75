import type { BackgroundTask } from '../calls/background-task.ts';
import type { TestApp } from './setup.ts';

/** Does what is due of some background work, as a process would within its next pause. */
export const runTask = ({ services }: TestApp, task: BackgroundTask): Promise<void> =>
  task.run(services, new AbortController().signal);
