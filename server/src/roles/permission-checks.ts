import { batched } from '../db/batched.ts';
import type { Db } from '../db/db.ts';
import { checkPermissions, type PermissionAnswer, type PermissionQuestion } from './effective-permissions.store.ts';

/** Answers questions about permissions; those that arrive together share a statement. */
export type PermissionChecks = (question: PermissionQuestion) => Promise<PermissionAnswer>;

declare module '../calls/services.ts' {
  interface Services {
    readonly checkPermissions: PermissionChecks;
  }
}

export const createPermissionChecks = (db: Db): PermissionChecks =>
  batched((questions: readonly PermissionQuestion[]) => checkPermissions(db, questions));
