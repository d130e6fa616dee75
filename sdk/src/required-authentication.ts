import type { JWTPayload } from 'jose';

/**
 * Strength of an authentication. 1: one factor; 2: two factors; 3: a passkey that has verified the person by PIN or
 * biometrics, which cannot be phished.
 */
export type Acr = 1 | 2 | 3;

/** The authentication that a route requires of a person. */
export interface RequiredAuthentication {
  /** The strength of the session. */
  readonly acr?: Acr | undefined;
  /**
   * The maximum age, in seconds, of the latest authentication of the strength `acr`. A recent password does not renew a
   * second factor. Without `acr`: of the latest authentication by any factor.
   */
  readonly maxAgeSeconds?: number | undefined;
}

/** The authentication of a person in a session. Times are in seconds since 1970; undefined: never. */
export interface ProvenAuthentication {
  readonly acr: number;
  readonly authenticatedAt: number | undefined;
  readonly secondFactorAt: number | undefined;
  readonly strongFactorAt: number | undefined;
}

/** A refusal that names the required authentication. */
interface AuthenticationRefusal {
  readonly status: 401;
  readonly code: 'step_up_required' | 'reauthentication_required';
  readonly challenge: string;
}

/** Whether a requirement names an authentication, even an invalid one. */
export const asksForAuthentication = (required: RequiredAuthentication): boolean =>
  'acr' in required || 'maxAgeSeconds' in required;

/** Whether a field is present but has no valid value, e.g. because a setting is missing. */
export const isInvalid = (required: RequiredAuthentication): boolean =>
  ('acr' in required && ![1, 2, 3].includes(required.acr ?? 0)) ||
  ('maxAgeSeconds' in required && !(Number.isFinite(required.maxAgeSeconds) && (required.maxAgeSeconds ?? -1) >= 0));

const timeOf = (value: unknown): number | undefined => (Number.isFinite(value) ? Number(value) : undefined);

/** The authentication according to the claims of an access token. */
export const provenByClaims = (claims: JWTPayload): ProvenAuthentication => ({
  acr: Number(/^urn:gatehouse:acr:([123])$/.exec(String(claims['acr']))?.[1] ?? 0),
  authenticatedAt: timeOf(claims['auth_time']),
  secondFactorAt: timeOf(claims['second_factor_time']),
  strongFactorAt: timeOf(claims['strong_factor_time']),
});

interface SessionOfMe {
  readonly acr: number;
  readonly authenticatedAt: string;
  readonly secondFactorAt?: string;
  readonly strongFactorAt?: string;
}

const secondsOf = (time: string | undefined): number | undefined =>
  time === undefined ? undefined : timeOf(Date.parse(time) / 1000);

/** The authentication of a session. */
export const provenBySession = (session: SessionOfMe): ProvenAuthentication => ({
  acr: session.acr,
  authenticatedAt: secondsOf(session.authenticatedAt),
  secondFactorAt: secondsOf(session.secondFactorAt),
  strongFactorAt: secondsOf(session.strongFactorAt),
});

/**
 * The value of `WWW-Authenticate` for a required authentication.
 *
 * @see RFC 9470, section 3
 */
export const challengeOf = (acr: string | undefined, maxAgeSeconds: number | undefined): string =>
  [
    'Bearer error="insufficient_user_authentication"',
    ...(acr === undefined ? [] : [`acr_values="${acr}"`]),
    ...(maxAgeSeconds === undefined ? [] : [`max_age=${Math.floor(maxAgeSeconds)}`]),
  ].join(', ');

const times = { 1: 'authenticatedAt', 2: 'secondFactorAt', 3: 'strongFactorAt' } as const;

/**
 * The refusal of a person whose session is too weak, or whose authentication is too old. As at Gatehouse, a session is
 * too weak if it never had the strength, or if only a weaker authentication is recent.
 */
export function refusalOfAuthentication(
  { acr = 1, maxAgeSeconds = Infinity }: RequiredAuthentication,
  proven: ProvenAuthentication,
  now = Date.now() / 1000,
): AuthenticationRefusal | undefined {
  const isRecent = (time: number | undefined) => time !== undefined && now - time <= maxAgeSeconds;
  const time = proven[times[acr]];
  const isStrong = proven.acr >= acr;
  if (isStrong && (maxAgeSeconds === Infinity || isRecent(time))) return undefined;
  const isTooWeak = !isStrong || time === undefined || isRecent(proven.authenticatedAt);
  return {
    status: 401,
    code: isTooWeak ? 'step_up_required' : 'reauthentication_required',
    challenge: challengeOf(
      acr === 1 ? undefined : `urn:gatehouse:acr:${acr}`,
      maxAgeSeconds === Infinity ? undefined : maxAgeSeconds,
    ),
  };
}
