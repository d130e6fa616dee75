import type { BackgroundTask } from '../background.ts';
import { findUnsearchable, indexOrganization } from './member-search.store.ts';

/** Makes members findable who were there before the search was, one organization after the other. */
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
