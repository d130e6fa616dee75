import DataLoader from 'dataloader';
import type { Credentials } from './calls/credentials.ts';
import type { Services } from './calls/services.ts';
import type { Clock } from './clock.ts';
import { findMailedToken } from './codes/codes.store.ts';
import type { Db } from './db/db.ts';
import { sha256 } from './keys/secrets.ts';
import {
  type ClientKey,
  findClients,
  findMachines,
  type FoundClient,
  type MachineKey,
} from './machine-users/machine-users.store.ts';
import { findSessions, type FoundSession, type SessionKey } from './sessions/sessions.store.ts';
import { findUsedSession } from './sessions/used-session.ts';

declare module './calls/services.ts' {
  interface Services {
    readonly lookups: CredentialLookups;
  }
}

/** The look-ups behind every authenticated call, and behind every token. */
export interface CredentialLookups {
  session(key: SessionKey): Promise<FoundSession | undefined>;
  /** Whether the machine of a verified token is still good. */
  machine(key: MachineKey): Promise<boolean>;
  /** What a client credential stands for. */
  client(key: ClientKey): Promise<FoundClient | undefined>;
}

/** Tokens of one statement at the most; more go into another. */
const maxBatchSize = 100;

/**
 * Under load many requests arrive in one turn of the event loop; their credentials are looked up by one statement
 * instead of one each. Nothing is remembered: the statement starts after each of these requests has arrived, so a
 * session that has ended is found to have ended. What the time of a round trip is to one request, it is to all of them.
 */
export function createCredentialLookups(db: Db, clock: Clock): CredentialLookups {
  const options = { cache: false, maxBatchSize, batchScheduleFn: (run: () => void) => void setImmediate(run) };
  const batched = <Key, Found>(find: (db: Db, keys: readonly Key[], now: Date) => Promise<Found[]>) => {
    const loader = new DataLoader((keys: readonly Key[]) => find(db, keys, clock.now()), options);
    return (key: Key) => loader.load(key);
  };
  return { session: batched(findSessions), machine: batched(findMachines), client: batched(findClients) };
}

/** Answers the path of a call; it asks the look-ups, so that calls of one moment share a statement. */
export function createCredentials(services: Pick<Services, 'db' | 'clock' | 'lookups' | 'tokenVerifier'>): Credentials {
  const { db, clock, lookups, tokenVerifier } = services;
  return {
    session: async (appId, token) => {
      const found = await findUsedSession(services, appId, token);
      return found && { kind: 'user', user: found.user, session: found.session };
    },
    machine: async (app, token) => {
      const claims = await tokenVerifier.verify(app, token);
      if (!claims || !(await lookups.machine({ appId: app.id, ...claims }))) return undefined;
      return { kind: 'machine', id: claims.machineUserId, secretId: claims.secretId };
    },
    mailedToken: async (appId, token) => {
      const found = await findMailedToken(db, appId, sha256(token), clock.now());
      return found && { kind: 'mailed-token', ...found };
    },
  };
}
