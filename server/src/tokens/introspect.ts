import type { z } from 'zod';
import { stepUpField, toStepUp, type UnmetPolicy } from '../access/organization-policy.ts';
import { statusesInForce } from '../access/organization-states.ts';
import { claimsToBeApiKey } from '../api-keys/api-key.ts';
import { useApiKey } from '../api-keys/use-api-key.ts';
import type { Services } from '../calls/services.ts';
import { findAndTouchSession } from '../sessions/used-session.ts';
import { authenticationClaims, inSeconds } from './authentication-claims.ts';
import type { introspection } from './introspection.schema.ts';
import type { MachineClaims, OrganizationMachineClaims, PersonClaims } from './token-claims.ts';
import { issuerOf, type NamedApp, type TokenClaims } from './token-verifier.ts';

export type Introspection = z.input<typeof introspection>;

interface Options {
  /** Audiences whose tokens the caller may introspect; null: all. Sessions and API keys are for the whole app. */
  readonly audiences: readonly string[] | null;
}

/** Omits the reason, so that callers cannot find out which credentials were valid in the past. */
const inactive: Introspection = { active: false };

async function introspectSession(services: Services, app: NamedApp, token: string): Promise<Introspection> {
  const found = await findAndTouchSession(services, app.id, token);
  // A restricted session can only change second factors here, and nothing elsewhere.
  if (!found || found.session.restriction !== null) return inactive;
  const { user, session } = found;
  return {
    active: true,
    kind: 'user',
    token_type: 'Bearer',
    sub: user.id,
    client_id: app.name,
    iss: issuerOf(services.config.publicUrl, app.name),
    aud: app.name,
    iat: inSeconds(session.createdAt),
    exp: Math.min(inSeconds(session.expiresAt), inSeconds(session.idleExpiresAt)),
    username: user.email,
    email_verified: user.isEmailVerified && user.isEmailClaimed,
    sid: session.id,
    ...authenticationClaims(session),
  };
}

/** Claims of the token itself. */
const fromClaims = (services: Services, app: NamedApp, claims: TokenClaims) => ({
  token_type: 'Bearer',
  iss: issuerOf(services.config.publicUrl, app.name),
  aud: typeof claims.audience === 'string' ? claims.audience : [...claims.audience],
  iat: claims.issuedAt,
  nbf: claims.notBefore,
  exp: claims.expiresAt,
  ...(claims.tokenId !== undefined && { jti: claims.tokenId }),
});

/** The claims of an organization whose policy the session does not meet: they replace those in the token. */
const withoutRights = (unmet: UnmetPolicy | null) =>
  unmet ? { org_roles: [], org_manager_roles: [], permissions: [], ...stepUpField(unmet) } : {};

async function introspectAccessToken(services: Services, app: NamedApp, claims: PersonClaims): Promise<Introspection> {
  const found = await services.lookups.accessToken({ appId: app.id, ...claims });
  if (!found || found.isOrganizationSuspended || found.session.restriction !== null) return inactive;
  const { user, session } = found;
  return {
    active: true,
    kind: 'user',
    ...fromClaims(services, app, claims),
    sub: user.id,
    client_id: app.name,
    username: user.email,
    email_verified: user.isEmailVerified && user.isEmailClaimed,
    sid: session.id,
    ...authenticationClaims(session),
    ...(claims.orgId !== undefined && { org_id: claims.orgId }),
    ...withoutRights(found.unmet),
  };
}

async function introspectMachineToken(
  services: Services,
  app: NamedApp,
  claims: MachineClaims,
): Promise<Introspection> {
  const found = await services.lookups.machine({ appId: app.id, ...claims });
  if (!found) return inactive;
  return {
    active: true,
    kind: 'machine',
    ...fromClaims(services, app, claims),
    sub: claims.machineUserId,
    client_id: claims.machineUserId,
    secret_id: claims.secretId,
    ...(found.scopes.length > 0 && { scope: found.scopes.join(' ') }),
  };
}

async function introspectOrganizationMachineToken(
  services: Services,
  app: NamedApp,
  claims: OrganizationMachineClaims,
): Promise<Introspection> {
  const listedAudience = claims.audience === services.config.publicUrl ? null : claims.audience;
  const found = await services.lookups.organizationMachine({ appId: app.id, ...claims, listedAudience });
  if (!found || !statusesInForce().includes(found.status)) return inactive;
  return {
    active: true,
    kind: 'organization_machine',
    sub: claims.machineUserId,
    ...fromClaims(services, app, claims),
    client_id: claims.machineUserId,
    secret_id: claims.secretId,
    org_id: claims.orgId,
  };
}

async function introspectSignedToken(
  services: Services,
  app: NamedApp,
  token: string,
  { audiences }: Options,
): Promise<Introspection> {
  const claims = await services.tokenVerifier.verifyIssued(app, token);
  const isKnown = claims && (!audiences || [claims.audience].flat().some((one) => audiences.includes(one)));
  if (!isKnown) return inactive;
  switch (claims.kind) {
    case 'user':
      return introspectAccessToken(services, app, claims);
    case 'machine':
      return introspectMachineToken(services, app, claims);
    case 'organization-machine':
      return introspectOrganizationMachineToken(services, app, claims);
  }
}

async function introspectApiKey(services: Services, app: NamedApp, key: string): Promise<Introspection> {
  const used = await useApiKey(services, app.id, key);
  if (!used) return inactive;
  const { retryAfterSeconds, unmet } = used;
  return {
    active: true,
    kind: 'api_key',
    sub: used.userId ?? used.orgId,
    iss: issuerOf(services.config.publicUrl, app.name),
    iat: inSeconds(used.createdAt),
    ...(used.expiresAt && { exp: inSeconds(used.expiresAt) }),
    org_id: used.orgId,
    permissions: unmet ? [] : [...used.permissions],
    ...(unmet && { stepUpRequired: toStepUp(unmet) }),
    key_id: used.id,
    key_owner: used.userId === null ? 'organization' : 'user',
    ...(retryAfterSeconds !== undefined && { rate: { remaining: 0, retryAfterSeconds } }),
  };
}

/**
 * Describes a credential of any kind, for every introspection route. The prefix only claims a kind; the database
 * decides.
 *
 * @param app the app to which the credential must belong
 * @param token the presented credential: a session token, a signed token or an API key; other values are not active
 * @see RFC 7662, section 2.2
 */
export async function introspect(
  services: Services,
  app: NamedApp,
  token: string,
  options: Options,
): Promise<Introspection> {
  if (token.startsWith('gh_s_')) return introspectSession(services, app, token);
  if (claimsToBeApiKey(token)) return introspectApiKey(services, app, token);
  return token.includes('.') ? introspectSignedToken(services, app, token, options) : inactive;
}
