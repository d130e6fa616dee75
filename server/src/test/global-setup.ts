import { prepareTemplates } from './database.ts';

/** Runs once, before the test files. */
export async function setup(): Promise<void> {
  await prepareTemplates();
}
