/** A token with a valid signature. */
interface SignedClaims {
  readonly claims: Readonly<Record<string, unknown>>;
  readonly kid: string;
  /** The required issuer of the token. */
  readonly issuer: string;
  readonly appName: string;
}

/** Claims of all kinds of tokens. Times are in seconds since 1970. */
interface CommonClaims {
  readonly kid: string;
  readonly expiresAt: number;
  readonly notBefore: number;
  readonly issuedAt: number;
  /** Id of the token. */
  readonly tokenId: string | undefined;
}

/** Claims of a machine token. */
export interface MachineClaims extends CommonClaims {
  readonly kind: 'machine';
  readonly machineUserId: string;
  readonly secretId: string;
  /** Audiences of the token. */
  readonly audience: string | readonly string[];
}

/** Claims of the access token of a person. */
export interface PersonClaims extends CommonClaims {
  readonly kind: 'user';
  readonly userId: string;
  readonly sessionId: string;
  readonly audience: string;
  /** The last authentication of the session before the token was issued. */
  readonly authenticatedAt: number;
  /** The only organization for which the token is valid. */
  readonly orgId: string | undefined;
}

/** Claims of the token of a machine user of an organization. */
export interface OrganizationMachineClaims extends CommonClaims {
  readonly kind: 'organization-machine';
  readonly machineUserId: string;
  readonly secretId: string;
  readonly orgId: string;
  readonly audience: string;
}

const isId = (value: unknown): value is string => typeof value === 'string' && /^[0-9]{1,19}$/.test(value);

const isAudience = (value: unknown): value is string | string[] =>
  typeof value === 'string' || (Array.isArray(value) && value.every((one) => typeof one === 'string'));

function toCommonClaims({ claims, kid, issuer }: SignedClaims): CommonClaims | undefined {
  const { iss, exp, nbf, iat, jti } = claims;
  if (iss !== issuer || typeof exp !== 'number' || typeof nbf !== 'number' || typeof iat !== 'number') return undefined;
  return { kid, expiresAt: exp, notBefore: nbf, issuedAt: iat, tokenId: typeof jti === 'string' ? jti : undefined };
}

/** Returns the claims if they belong to a machine token of this issuer. */
export function toMachineClaims(signed: SignedClaims): MachineClaims | undefined {
  const { aud, sub, client_id: clientId, secret_id: secretId } = signed.claims;
  const common = toCommonClaims(signed);
  if (!common || !isAudience(aud) || !isId(sub) || clientId !== sub || !isId(secretId)) return undefined;
  return { ...common, kind: 'machine', machineUserId: sub, secretId, audience: aud };
}

/** Returns the claims if they belong to a person's access token of this issuer. */
export function toPersonClaims(signed: SignedClaims): PersonClaims | undefined {
  const {
    aud,
    sub,
    sid,
    auth_time: authenticatedAt,
    token_use: use,
    client_id: clientId,
    org_id: orgId,
  } = signed.claims;
  const common = toCommonClaims(signed);
  if (!common || use !== 'user' || clientId !== signed.appName || typeof aud !== 'string') return undefined;
  if (!isId(sub) || !isId(sid) || typeof authenticatedAt !== 'number' || !Number.isSafeInteger(authenticatedAt))
    return undefined;
  if (orgId !== undefined && !isId(orgId)) return undefined;
  return { ...common, kind: 'user', userId: sub, sessionId: sid, audience: aud, authenticatedAt, orgId };
}

/** Returns the claims if they belong to the token of a machine user of an organization of this issuer. */
export function toOrganizationMachineClaims(signed: SignedClaims): OrganizationMachineClaims | undefined {
  const { aud, sub, client_id: clientId, secret_id: secretId, org_id: orgId, token_use: use } = signed.claims;
  const common = toCommonClaims(signed);
  if (!common || use !== 'organization_machine' || typeof aud !== 'string' || clientId !== sub) return undefined;
  if (!isId(sub) || !isId(secretId) || !isId(orgId)) return undefined;
  return { ...common, kind: 'organization-machine', machineUserId: sub, secretId, orgId, audience: aud };
}
