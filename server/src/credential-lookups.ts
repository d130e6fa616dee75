import type { Actor, OrganizationMachineActor } from './access/actor.ts';
import type { Credentials } from './calls/credentials.ts';
import type { Services } from './calls/services.ts';
import { type ApiKeyHash, findApiKeys, type FoundApiKey } from './api-keys/find-api-keys.store.ts';
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
  type FoundMachine,
  type MachineKey,
} from './machine-users/machine-users.store.ts';
import {
  type AccessTokenKey,
  findSessions,
  findSessionsOfAccessTokens,
  type FoundAccessToken,
  type FoundSession,
  type SessionKey,
} from './sessions/sessions.store.ts';
import {
  findOrganizationClients,
  findOrganizationMachines,
  type FoundOrganizationClient,
  type FoundOrganizationMachine,
  type OrganizationClientKey,
  type OrganizationMachineKey,
} from './organization-machine-users/organization-machine-lookups.store.ts';
import { findTokenGrants, type TokenGrant, type TokenRequestKey } from './tokens/token-grants.store.ts';
import type { OrganizationMachineClaims } from './tokens/token-claims.ts';
import { findAndTouchSession } from './sessions/used-session.ts';

declare module './calls/services.ts' {
  interface Services {
    readonly lookups: CredentialLookups;
  }
}

/** The lookups that authenticate every call and issue every token. */
export interface CredentialLookups {
  session(key: SessionKey): Promise<FoundSession | undefined>;
  /** The session of the verified access token of a person. */
  accessToken(key: AccessTokenKey): Promise<FoundAccessToken | undefined>;
  /** Claims of the access token of a person. */
  tokenGrant(key: TokenRequestKey): Promise<TokenGrant | undefined>;
  /** The machine user of a verified token, if it is still valid. */
  machine(key: MachineKey): Promise<FoundMachine | undefined>;
  /** A valid API key with its current permissions. */
  apiKey(key: ApiKeyHash): Promise<FoundApiKey | undefined>;
  /** The machine user of a client credential. */
  client(key: ClientKey): Promise<FoundClient | undefined>;
  /** The machine user of an organization of a verified token, if it is still valid. */
  organizationMachine(key: OrganizationMachineKey): Promise<FoundOrganizationMachine | undefined>;
  /** The machine user of an organization of a client credential. */
  organizationClient(key: OrganizationClientKey): Promise<FoundOrganizationClient | undefined>;
}

/** The lookups of one process. Credentials of calls that arrive together share a statement. */
export function createCredentialLookups(db: Db, clock: Clock): CredentialLookups {
  return {
    session: batched((keys: readonly SessionKey[]) => findSessions(db, keys, clock.now())),
    accessToken: batched((keys: readonly AccessTokenKey[]) => findSessionsOfAccessTokens(db, keys, clock.now())),
    tokenGrant: batched((keys: readonly TokenRequestKey[]) => findTokenGrants(db, keys, clock.now())),
    machine: batched((keys: readonly MachineKey[]) => findMachines(db, keys, clock.now())),
    apiKey: batched((keys: readonly ApiKeyHash[]) => findApiKeys(db, keys, clock.now())),
    client: batched((keys: readonly ClientKey[]) => findClients(db, keys, clock.now())),
    organizationMachine: batched((keys: readonly OrganizationMachineKey[]) =>
      findOrganizationMachines(db, keys, clock.now()),
    ),
    organizationClient: batched((keys: readonly OrganizationClientKey[]) =>
      findOrganizationClients(db, keys, clock.now()),
    ),
  };
}

/**
 * The person of an access token. A token for one organization is valid only for the membership there, so the person
 * does not act as super admin.
 */
function toBearerOfAccessToken(
  { user, session, isOrganizationSuspended }: FoundAccessToken,
  orgId: string | undefined,
): Actor & { kind: 'user' } {
  const isSuperAdmin = user.isSuperAdmin && orgId === undefined;
  return { kind: 'user', user: { ...user, isSuperAdmin }, session, accessToken: { orgId, isOrganizationSuspended } };
}

async function toOrganizationMachine(
  lookups: CredentialLookups,
  appId: string,
  claims: OrganizationMachineClaims,
): Promise<OrganizationMachineActor | undefined> {
  const { machineUserId: id, secretId, orgId, kid } = claims;
  const key = { appId, orgId, machineUserId: id, secretId, kid, listedAudience: null };
  const found = await lookups.organizationMachine(key);
  if (!found) return undefined;
  const { isManager, status: organizationStatus } = found;
  return { kind: 'organization-machine', id, secretId, orgId, organizationStatus, isManager };
}

/** The lookups of the request path, batched so that concurrent calls share a statement. */
export function createCredentials(services: Pick<Services, 'db' | 'clock' | 'lookups' | 'tokenVerifier'>): Credentials {
  const { db, clock, lookups, tokenVerifier } = services;
  return {
    session: async (appId, token) => {
      const found = await findAndTouchSession(services, appId, token);
      return found && { kind: 'user', user: found.user, session: found.session };
    },
    signedToken: async (app, token) => {
      const claims = await tokenVerifier.verify(app, token);
      if (claims?.kind === 'user') {
        const found = await lookups.accessToken({ appId: app.id, ...claims });
        return found && toBearerOfAccessToken(found, claims.orgId);
      }
      if (claims?.kind === 'organization-machine') return toOrganizationMachine(lookups, app.id, claims);
      const found = claims && (await lookups.machine({ appId: app.id, ...claims }));
      if (!found) return undefined;
      return { kind: 'machine', id: claims.machineUserId, secretId: claims.secretId, ...found };
    },
    mailedToken: async (appId, token) => {
      const found = await findMailedToken(db, appId, sha256(token), clock.now());
      return found && { kind: 'mailed-token', ...found };
    },
  };
}
