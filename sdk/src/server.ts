import type { JWTPayload } from 'jose';
import { type Client, createClient } from './client.ts';
import { GatehouseError } from './errors.ts';
import {
  type Acr,
  asksForAuthentication,
  challengeOf,
  isInvalid,
  type ProvenAuthentication,
  provenByClaims,
  provenBySession,
  refusalOfAuthentication,
  type RequiredAuthentication,
} from './required-authentication.ts';
import type { ClientOptions } from './transport.ts';
import { createTokenVerifier, InvalidTokenError, keyPaths, type TokenKind, type VerifyToken } from './verify-token.ts';

export { createTokenVerifier, InvalidTokenError };
export type { Acr, RequiredAuthentication };
export type { TokenKind, VerifyOptions, VerifyToken } from './verify-token.ts';

/** Roles and permissions of a person in an organization. */
export interface OrganizationOfActor {
  readonly id: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
}

/** The caller of a protected server. */
export type Actor =
  | {
      readonly kind: 'user';
      readonly userId: string;
      readonly email: string;
      /** Whether the person has verified the address. Do not trust an unverified address. */
      readonly emailVerified: boolean;
      /** For the organization of the requirement. */
      readonly organization?: OrganizationOfActor;
    }
  | { readonly kind: 'machine'; readonly machineUserId: string }
  | {
      readonly kind: 'organization_machine';
      readonly machineUserId: string;
      /** The only organization for which the machine user is valid. */
      readonly organization: OrganizationOfActor;
    }
  | {
      readonly kind: 'api_key';
      readonly keyId: string;
      /** The person of a personal key; absent if the key belongs to the organization. */
      readonly userId?: string;
      /** The only organization for which the key is valid. */
      readonly organization: Omit<OrganizationOfActor, 'roles'>;
    };

/** The credentials that a server accepts. */
export interface AuthenticatorOptions extends Omit<ClientOptions, 'token' | 'credentials'> {
  /**
   * The audience of this server: it accepts access tokens of people and machine tokens for this audience. Absent: no
   * JWTs.
   */
  readonly audience?: string | undefined;
  /** Whether session tokens are accepted, which cost one call each. Default: true. */
  readonly sessions?: boolean | undefined;
  /**
   * Whether the cookie `session-token` is accepted if there is no `Authorization` header. Default: false. If true,
   * compare the `Origin` of requests that change data, because browsers send the cookie with requests of other sites'
   * pages too.
   */
  readonly cookies?: boolean | undefined;
  /**
   * The client of a machine user with the scope `tokens:read`. API keys are then accepted on routes that name an
   * organization; each costs one call. Absent: API keys are refused.
   */
  readonly apiKeys?: Pick<Client, 'tokens'> | undefined;
  /** `PUBLIC_URL`, if the service is called under another URL. */
  readonly issuerUrl?: string | undefined;
  /**
   * Called with the failure behind a 503, e.g. to log it: Gatehouse cannot be reached, or it refuses the credential of
   * this server.
   */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/**
 * The requirement of a route. Strength and age of the authentication concern people. As at Gatehouse, machine users are
 * exempt. API keys are refused, because their use is not an authentication of a person.
 */
export interface Requirement extends RequiredAuthentication {
  /**
   * The id of an organization of which the person must be a member. If present but undefined, every caller is refused.
   */
  readonly organization?: string | undefined;
  /** A permission that the person must have there. If present but undefined, every caller is refused. */
  readonly permission?: string | undefined;
  /** Whether machine users of the app are accepted, regardless of organization and permission. Default: false. */
  readonly machines?: boolean | undefined;
}

/** A refusal, in the form of the server's response. */
export interface Refusal {
  readonly status: 401 | 403 | 404 | 429 | 503;
  readonly code: string;
  /** With 429: seconds until the API key may be used again. */
  readonly retryAfterSeconds?: number;
  /** With 401: the value of the header `WWW-Authenticate`, if another authentication is required (RFC 9470). */
  readonly challenge?: string;
}

/** The response of a refusal. */
export const responseOf = ({ status, challenge, ...body }: Refusal) => ({
  status,
  body,
  headers: (challenge === undefined ? {} : { 'www-authenticate': challenge }) as Record<string, string>,
});

type Introspection = Awaited<ReturnType<Client['tokens']['introspect']>>;

export type Outcome = { readonly actor: Actor } | { readonly refusal: Refusal };

const refuse = (status: Refusal['status'], code: string) => ({ refusal: { status, code } });

type StepUp = NonNullable<Introspection['stepUpRequired']>;

/** The session, or the session that created the API key, does not meet the security policy of the organization. */
const belowPolicy = ({ acr, maxAgeSeconds }: StepUp) => ({
  refusal: {
    status: 401,
    code: 'step_up_required',
    challenge: challengeOf(acr.endsWith(':1') ? undefined : acr, maxAgeSeconds),
  } as const,
});

/** Admits a person whose authentication the route accepts. */
function admitPerson(actor: Actor, requirement: Requirement, proven: () => ProvenAuthentication): Outcome {
  const refusal = asksForAuthentication(requirement) && refusalOfAuthentication(requirement, proven());
  return refusal ? { refusal } : { actor };
}

const unavailable = refuse(503, 'authentication_unavailable');

function tokenOf(headers: Headers, takesCookies: boolean): string | undefined {
  const authorization = headers.get('authorization');
  if (authorization !== null) return /^Bearer +([\w.~+/=-]+)$/i.exec(authorization)?.[1];
  const cookie = takesCookies ? (headers.get('cookie') ?? '') : '';
  const pairs = cookie.matchAll(/(?:^|;)[ \t]*session-token=[ \t]*([^;]*?)[ \t]*(?=;|$)/g);
  const found = new Set(Array.from(pairs, ([, value = '']) => value));
  // A page of a sibling host can set a second cookie, of another person. As at Gatehouse, several different cookies are
  // ignored.
  const [token = ''] = found;
  return found.size === 1 && /^gh_s_[\w-]+$/.test(token) ? token : undefined;
}

/**
 * Whether Gatehouse refused the person. Every other failure, e.g. the 401 of a proxy, is a fault of the server and must
 * not become a 401 for the caller.
 */
function refusalOf(error: unknown): Outcome {
  if (error instanceof InvalidTokenError) return refuse(401, 'unauthenticated');
  if (error instanceof GatehouseError && error.status === 401 && error.problem.code !== undefined)
    return refuse(401, 'unauthenticated');
  return unavailable;
}

const apiKeyPattern = /^gh_k_[\w-]{49}$/;

const stringsOf = (value: unknown): string[] | undefined =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : undefined;

const emailOf = ({ email }: JWTPayload): string => (typeof email === 'string' ? email : '');

/**
 * The roles and permissions that a token has in the organization of a route. If the token omits permissions, call the
 * permission check of Gatehouse.
 */
function organizationOf(claims: JWTPayload, id: string, permission: string | undefined) {
  if (claims['org_id'] !== id) return refuse(404, 'organization_not_found');
  const permissions = stringsOf(claims['permissions']);
  if (permission !== undefined && !permissions) return refuse(503, 'permissions_truncated');
  if (permission !== undefined && !permissions?.includes(permission)) return refuse(403, 'access_denied');
  return { organization: { id, roles: stringsOf(claims['org_roles']) ?? [], permissions: permissions ?? [] } };
}

/** Authorizes by the claims of a person's access token. */
function decideByClaims(claims: JWTPayload, requirement: Requirement): Outcome {
  const { organization: id, permission } = requirement;
  const proven = () => provenByClaims(claims);
  const actor = {
    kind: 'user',
    userId: claims.sub ?? '',
    email: emailOf(claims),
    emailVerified: claims['email_verified'] === true,
  } as const;
  if (id === undefined) return admitPerson(actor, requirement, proven);
  const found = organizationOf(claims, id, permission);
  return 'refusal' in found ? found : admitPerson({ ...actor, ...found }, requirement, proven);
}

/** Authorizes by the claims of a token of an organization's machine user. It is valid for only one organization. */
function decideByMachineClaims(claims: JWTPayload, { organization: id, permission }: Requirement): Outcome {
  if (id === undefined) return refuse(403, 'human_required');
  const found = organizationOf(claims, id, permission);
  if ('refusal' in found) return found;
  return { actor: { kind: 'organization_machine', machineUserId: claims.sub ?? '', ...found } };
}

/** Authorizes by the introspection of an API key, which is valid for only one organization. */
function decideByIntrospection(
  {
    active,
    key_id: keyId,
    key_owner: owner,
    sub,
    org_id: orgId,
    permissions = [],
    rate,
    stepUpRequired,
  }: Introspection,
  requirement: Requirement,
): Outcome {
  const { organization, permission } = requirement;
  if (!active || keyId === undefined || orgId === undefined) return refuse(401, 'unauthenticated');
  if (rate) {
    const { retryAfterSeconds } = rate;
    return { refusal: { status: 429, code: 'rate_limited', retryAfterSeconds } };
  }
  if (organization === undefined) return refuse(403, 'human_required');
  if (orgId !== organization) return refuse(404, 'organization_not_found');
  if (asksForAuthentication(requirement)) return refuse(403, 'human_required');
  if (stepUpRequired) return belowPolicy(stepUpRequired);
  if (permission !== undefined && !permissions.includes(permission)) return refuse(403, 'access_denied');
  const ofPerson = owner === 'user' && sub !== undefined ? { userId: sub } : {};
  return { actor: { kind: 'api_key', keyId, ...ofPerson, organization: { id: orgId, permissions } } };
}

/**
 * Authenticates and authorizes the callers of a server: without a call to Gatehouse for a JWT, with one for a session
 * token or API key.
 *
 * @returns a function of a request and the requirement of its route; it never rejects
 * @example
 * const authorize = createAuthenticator({ baseUrl, appName: 'acme', audience: 'https://api.example.com' });
 * const outcome = await authorize(request, { organization: orgId, permission: 'documents:read' });
 */
export function createAuthenticator(options: AuthenticatorOptions) {
  const client = createClient(options);
  const { audience, appName, fetch, sessions = true, cookies = false } = options;
  const verifierOf = (kind: TokenKind): VerifyToken => {
    const keysUrl = `${new URL(options.baseUrl).origin}/apps/${appName}/${keyPaths[kind]}`;
    const baseUrl = options.issuerUrl ?? options.baseUrl;
    return createTokenVerifier({ baseUrl, appName, kind, audience: audience ?? '', keysUrl, fetch });
  };
  const verifiers =
    audience === undefined
      ? undefined
      : {
          user: verifierOf('user'),
          organizationMachine: verifierOf('organization_machine'),
          machine: verifierOf('machine'),
        };

  /** The claims of a token of this kind; undefined for every other token. */
  const claimsOf = (verify: VerifyToken, token: string) =>
    verify(token).catch((error: unknown) => {
      if (error instanceof InvalidTokenError) return undefined;
      throw error;
    });

  /** Tries each verifier in turn, because unverified claims must not select the keys. */
  async function byJwt(token: string, requirement: Requirement): Promise<Outcome> {
    if (!verifiers) return refuse(401, 'unauthenticated');
    const person = await claimsOf(verifiers.user, token);
    if (person) return decideByClaims(person, requirement);
    const machine = await claimsOf(verifiers.organizationMachine, token);
    if (machine) return decideByMachineClaims(machine, requirement);
    const { sub = '' } = await verifiers.machine(token);
    return requirement.machines ? { actor: { kind: 'machine', machineUserId: sub } } : refuse(403, 'human_required');
  }

  async function bySession(token: string, requirement: Requirement): Promise<Outcome> {
    const { organization, permission } = requirement;
    if (!sessions) return refuse(401, 'unauthenticated');
    // Gatehouse would refuse the request of this server, not that of the person.
    if (organization !== undefined && !/^\d{1,19}$/.test(organization)) return refuse(404, 'organization_not_found');
    const query = organization === undefined ? {} : { organizationId: organization, includeOrganizations: true };
    const me = await client.users.me(query, { token });
    const actor = {
      kind: 'user',
      userId: me.userId,
      email: me.email,
      emailVerified: me.isEmailVerified && me.isEmailClaimed,
    } as const;
    const proven = () => provenBySession(me.session);
    if (organization === undefined) return admitPerson(actor, requirement, proven);
    const found = me.organizations?.find(({ id }) => id === organization);
    if (!found) return refuse(404, 'organization_not_found');
    if (found.status !== 'Active') return refuse(403, 'organization_inactive');
    if (found.stepUpRequired) return belowPolicy(found.stepUpRequired);
    if (permission !== undefined && !found.permissions.includes(permission)) return refuse(403, 'access_denied');
    const { id, roles, permissions } = found;
    return admitPerson({ ...actor, organization: { id, roles, permissions } }, requirement, proven);
  }

  /** Every failure is a fault of this server, because the call has the credential of its machine user. */
  async function byApiKey(token: string, requirement: Requirement): Promise<Outcome> {
    if (!options.apiKeys) return refuse(401, 'unauthenticated');
    const answer = await options.apiKeys.tokens.introspect({ token }).catch(onFault);
    return answer ? decideByIntrospection(answer, requirement) : unavailable;
  }

  function onFault(error: unknown): undefined {
    options.onFault?.(error);
  }

  return async (request: { readonly headers: Headers }, requirement: Requirement = {}): Promise<Outcome> => {
    // An organization or permission that is missing in the request must not disable the check.
    if ('organization' in requirement && requirement.organization === undefined)
      return refuse(404, 'organization_not_found');
    if ('permission' in requirement && requirement.permission === undefined) return refuse(503, 'permission_undefined');
    if (requirement.permission !== undefined && requirement.organization === undefined)
      return refuse(503, 'permission_without_organization');
    if (isInvalid(requirement)) return refuse(503, 'authentication_requirement_invalid');
    const token = tokenOf(request.headers, cookies);
    if (token === undefined) return refuse(401, 'unauthenticated');
    const byOpaque = apiKeyPattern.test(token) ? byApiKey : bySession;
    const decide = token.split('.').length === 3 ? byJwt : byOpaque;
    return decide(token, requirement).catch((error: unknown) => {
      const outcome = refusalOf(error);
      if (outcome === unavailable) onFault(error);
      return outcome;
    });
  };
}

export type Authorize = ReturnType<typeof createAuthenticator>;
