import type { BackgroundTask } from '../calls/background-task.ts';
import { findUnsearchable, indexOrganization } from './member-search.store.ts';

/**
 * Makes members findable whom no search finds yet, or not by the present fold: one organization after the other, in
 * batches. What is left to do stands in the rows, so that any number of processes may do it and stop at any time.
 */
export const indexMembersOfBefore: BackgroundTask = {
  name: 'make members findable',
  everyMs: 10_000,
  run: async ({ db }, signal) => {
    while (!signal.aborted) {
      const next = await findUnsearchable(db);
      if (next === undefined) return;
      await indexOrganization(db, next.appId, next.orgId, signal);
    }
  },
};
