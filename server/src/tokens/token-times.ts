/** Tolerated delay of a verifier's clock. */
const clockSkewSeconds = 60;

/**
 * `iat` is a second in the past, so that verifiers that refuse a future `iat` accept a new token even if their clock is
 * a second behind. The token also expires a second earlier, because its lifetime counts from `iat`.
 */
const issuedEarlierBySeconds = 1;

/** The claims of time of a token, in seconds since 1970. */
export interface TokenTimes {
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
}

/**
 * @param options.lifeSeconds the maximum lifetime of the token
 * @param options.notAfter the end of the session or secret of the token
 */
export function toTimes(
  now: Date,
  { lifeSeconds, notAfter }: { readonly lifeSeconds: number; readonly notAfter?: Date },
): TokenTimes {
  const iat = Math.floor(now.getTime() / 1000) - issuedEarlierBySeconds;
  const end = notAfter ? Math.floor(notAfter.getTime() / 1000) : Infinity;
  return { iat, nbf: iat - clockSkewSeconds, exp: Math.min(iat + lifeSeconds, end) };
}
