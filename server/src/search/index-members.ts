import type { BackgroundTask } from '../calls/background-task.ts';
import { findUnsearchable, indexOrganization } from './member-search.store.ts';

/**
 * Adds members to the search index that are missing there or were indexed by an earlier version of the fold. Works
 * through the organizations in batches. The remaining work is derived from the rows, so any number of processes can run
 * the task and stop at any time.
 */
export const indexMembersOfBefore: BackgroundTask = {
  name: 'add members to the search index',
  everyMs: 10_000,
  run: async ({ db }, signal) => {
    while (!signal.aborted) {
      const next = await findUnsearchable(db);
      if (next === undefined) return;
      await indexOrganization(db, next.appId, next.orgId, signal);
    }
  },
};
