import type { Clock } from '../clock.ts';
import { batchedByGroup } from '../db/batched.ts';
import type { Db } from '../db/db.ts';
import { checkPermissions, type PermissionAnswer, type PermissionQuestion } from './effective-permissions.store.ts';

/** Maximum number of permissions in one statement, because each is compared with all permissions of the user. */
const maxPermissions = 500;

/** Runs permission checks. Checks of one app that arrive together share a statement. */
export type PermissionChecks = (question: PermissionQuestion) => Promise<PermissionAnswer>;

declare module '../calls/services.ts' {
  interface Services {
    readonly checkPermissions: PermissionChecks;
  }
}

export const createPermissionChecks = (db: Db, clock: Clock): PermissionChecks =>
  batchedByGroup((questions: readonly PermissionQuestion[]) => checkPermissions(db, questions, clock.now()), {
    groupOf: ({ appId }) => appId,
    weightOf: ({ permissions }) => permissions.length,
    maxWeight: maxPermissions,
  });
