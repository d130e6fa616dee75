import type { Credentials } from './calls/credentials.ts';
import type { Services } from './calls/services.ts';
import type { Clock } from './clock.ts';
import { findMailedToken } from './codes/codes.store.ts';
import { batched } from './db/batched.ts';
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

/** The look-ups of one process; credentials of calls that arrive together share a statement. */
export function createCredentialLookups(db: Db, clock: Clock): CredentialLookups {
  return {
    session: batched((keys: readonly SessionKey[]) => findSessions(db, keys, clock.now())),
    machine: batched((keys: readonly MachineKey[]) => findMachines(db, keys, clock.now())),
    client: batched((keys: readonly ClientKey[]) => findClients(db, keys, clock.now())),
  };
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
