import type { Apps } from './call-app.ts';
import type { Credentials } from './credentials.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Db, Log } from '../db/db.ts';
import type { DatabaseFailures } from '../database-failures.ts';
import type { IdSource } from '../ids.ts';
import type { Sealer } from '../keys/seal.ts';
import type { LeasedLimit } from '../limits/leased-limit.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import type { TaskRuns } from './task-runs.ts';
import type { PasswordHasher } from '../passwords/password-hash.ts';

/**
 * What handlers work with, made once by `buildApp`. A room above that makes something of its own adds it by declaration
 * merging, so that this one does not import it.
 *
 * @see https://www.typescriptlang.org/docs/handbook/declaration-merging.html#module-augmentation
 */
/** How far the life of the process is. */
export type Phase = 'starting' | 'ready' | 'stopping';

export interface Services {
  readonly config: Config;
  readonly db: Db;
  /** Connections that only find out who calls and whether the database is there. */
  readonly lookupDb: Db;
  readonly databaseFailures: DatabaseFailures;
  readonly taskRuns: TaskRuns;
  /** The log, for what belongs to no request. */
  readonly log: Log;
  readonly apps: Apps;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly sealer: Sealer;
  readonly passwords: PasswordHasher;
  /** The keys that sign tokens of app machine users, and nothing else. */
  readonly signingKeys: SigningKeys;
  /** The keys that sign every other kind of token. */
  readonly oauthKeys: SigningKeys;
  /** Tokens that a machine user gets. */
  readonly tokenLimit: LeasedLimit;
  /** The service listens before it is ready, and after it was told to stop; `/readyz` is 503 then. */
  readonly phase: () => Phase;
}
