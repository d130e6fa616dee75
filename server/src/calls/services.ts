import type { SecurityEvents } from './security-events.ts';
import type { CredentialLookups } from '../credential-lookups.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Db } from '../db/db.ts';
import type { RelyingParty } from '../federation/relying-party.ts';
import type { IdSource } from '../ids.ts';
import type { Sealer } from '../keys/seal.ts';
import type { LeasedLimit } from '../limits/leased-limit.ts';
import type { SigningKeys } from '../keys/signing-keys.ts';
import type { TokenVerifier } from '../tokens/token-verifier.ts';
import type { PasswordHasher } from '../passwords/password-hash.ts';

/** What handlers work with, made once by `buildApp`. */
export interface Services {
  readonly config: Config;
  readonly db: Db;
  /** Name of an app → its id. */
  readonly appIds: (name: string) => Promise<string | undefined>;
  readonly lookups: CredentialLookups;
  readonly securityEvents: SecurityEvents;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly sealer: Sealer;
  readonly passwords: PasswordHasher;
  readonly signingKeys: SigningKeys;
  readonly tokenVerifier: TokenVerifier;
  /** Tokens that a machine user gets. */
  readonly tokenLimit: LeasedLimit;
  readonly relyingParty: RelyingParty;
  /** The idempotency keys under which this process is answering right now. */
  readonly callsInFlight: Set<string>;
  /** Whether the start has ended. The service listens earlier, and `/readyz` is 503 until then. */
  readonly hasStarted: () => boolean;
}
