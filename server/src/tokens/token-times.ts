/** How far the clock of a verifier may be behind. */
const clockSkewSeconds = 60;

/**
 * Verifiers that refuse an `iat` in the future accept a new token although their clock is one second behind. The token
 * expires by the same second earlier, because its lifetime counts from `iat`.
 */
const issuedEarlierBySeconds = 1;

/** The claims of time of a token, in seconds since 1970. */
export interface TokenTimes {
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
}

/**
 * @param options.lifeSeconds the longest lifetime of the token
 * @param options.notAfter the end of what the token stands for
 */
export function toTimes(
  now: Date,
  { lifeSeconds, notAfter }: { readonly lifeSeconds: number; readonly notAfter?: Date },
): TokenTimes {
  const iat = Math.floor(now.getTime() / 1000) - issuedEarlierBySeconds;
  const end = notAfter ? Math.floor(notAfter.getTime() / 1000) : Infinity;
  return { iat, nbf: iat - clockSkewSeconds, exp: Math.min(iat + lifeSeconds, end) };
}
