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
import type { TaskRuns } from '../task-runs.ts';
import type { PasswordServices } from '../passwords/new-password.ts';

/**
 * Dependencies of handlers, created once by `buildApp`. Modules of higher layers add their own by declaration merging,
 * so that this module does not import them.
 *
 * @see https://www.typescriptlang.org/docs/handbook/declaration-merging.html#module-augmentation
 */
/** Phase of the life cycle of the process. */
export type Phase = 'starting' | 'ready' | 'stopping';

export interface Services extends PasswordServices {
  readonly config: Config;
  readonly db: Db;
  /** Connections used only to authenticate callers and to check that the database is available. */
  readonly lookupDb: Db;
  readonly databaseFailures: DatabaseFailures;
  readonly taskRuns: TaskRuns;
  /** The log, for messages that belong to no request. */
  readonly log: Log;
  readonly apps: Apps;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly sealer: Sealer;
  /** The keys that sign tokens of machine users of the app, and no other tokens. */
  readonly signingKeys: SigningKeys;
  /** The keys that sign every other kind of token. */
  readonly oauthKeys: SigningKeys;
  /** Issues tokens of machine users. */
  readonly tokenLimit: LeasedLimit;
  /** Limits uses of API keys. */
  readonly apiKeyLimit: LeasedLimit;
  /** The service listens before it is ready and while it stops; `/readyz` then returns 503. */
  readonly phase: () => Phase;
}
