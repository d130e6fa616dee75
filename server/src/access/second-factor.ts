/**
 * The strength of an authentication. 1: one factor; 2: two factors; 3: two factors that cannot be phished, a passkey
 * that has verified the person by PIN or biometrics.
 */
export type Acr = 1 | 2 | 3;

/**
 * The strength of the authentication in a session. A session that began with a recovery code can only replace factors:
 * its strength stays 1.
 *
 * @param amr methods of authentication (RFC 8176)
 * @param providerAcr the strength that an identity provider has asserted; null: none
 */
export function acrOf(amr: readonly string[], providerAcr: Acr | null = null): Acr {
  if (amr.includes('rec')) return 1;
  const isPasskey = amr.includes('hwk') || amr.includes('swk');
  if (providerAcr === 3 || (isPasskey && amr.includes('user'))) return 3;
  return providerAcr === 2 || amr.includes('mfa') ? 2 : 1;
}

/** The strength as a URN, for tokens and challenges. */
export const acrUrn = (acr: Acr): string => `urn:gatehouse:acr:${acr}`;

/**
 * The value of `WWW-Authenticate` that names the required authentication.
 *
 * @param maxAgeSeconds undefined: unlimited
 * @see RFC 9470, section 3
 */
export const authenticationChallenge = (acr: Acr, maxAgeSeconds: number | undefined): string =>
  [
    'Bearer error="insufficient_user_authentication"',
    ...(acr > 1 ? [`acr_values="${acrUrn(acr)}"`] : []),
    ...(maxAgeSeconds === undefined ? [] : [`max_age=${maxAgeSeconds}`]),
  ].join(', ');
