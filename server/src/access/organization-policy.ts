import type { Sql } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { Actor } from './actor.ts';
import { type Acr, acrUrn, authenticationChallenge } from './second-factor.ts';
import { firstFactors, lacksMethod, type SignInMethod } from './sign-in-methods.ts';

/** The kinds of factors that an organization can allow. */
export const factorKinds = ['totp', 'passkey'] as const;

export type FactorKind = (typeof factorKinds)[number];

/** The security policy of an organization, as stored. Absent fields have their defaults. */
export interface StoredPolicy {
  readonly mfa?: 'optional' | 'required';
  /** Absent: all. */
  readonly allowedFactors?: readonly FactorKind[];
  /** Absent: unlimited. */
  readonly maxSessionHours?: number;
  /** Absent: remembered devices never replace the second factor. */
  readonly rememberDays?: number;
  /** Absent: all that the app allows. */
  readonly signInMethods?: readonly SignInMethod[];
}

/**
 * The policy that a session does not meet. `unmet`: the session lacks an allowed sign-in method or an allowed second
 * factor, or the authentication is too old.
 */
export type UnmetPolicy = StoredPolicy & { readonly unmet: 'method' | 'factor' | 'age' };

/**
 * SQL expressions for the authentication of a person in a session. If the person has removed every factor, factors used
 * earlier in the session do not count.
 */
export interface SessionProof {
  /** Methods of authentication, `text[]`. */
  readonly amr: Sql;
  readonly factorAt: Sql;
  /** When a passkey with PIN or biometrics was last used. */
  readonly strongFactorAt: Sql;
  /** When the second factor was last used on the remembered device, if the sign-in did not require it. */
  readonly rememberedFactorAt: Sql;
  readonly authenticatedAt: Sql;
}

const requiresFactor = (policy: Sql): Sql => sql`COALESCE(${policy} ->> 'mfa' = 'required', false)`;

const allows = (policy: Sql, kind: FactorKind): Sql => sql`COALESCE(${policy} -> 'allowedFactors' ? ${kind}, true)`;

/**
 * SQL condition: the policy requires a second factor, and these methods of authentication include none that the policy
 * allows. If it allows only passkeys, the passkey must have verified the person. Recovery codes and factors that an
 * identity provider asserts never count.
 *
 * @param policy the column `security`
 * @param amr methods of authentication, `text[]`; null has none
 */
const lacksFactor = (policy: Sql, amr: Sql): Sql => sql`
  (${requiresFactor(policy)} AND NOT COALESCE('mfa' = ANY (${amr}) AND 'rec' <> ALL (${amr}) AND (
    ('otp' = ANY (${amr}) AND ${allows(policy, 'totp')})
    OR (${amr} && '{hwk,swk}'::text[] AND ${allows(policy, 'passkey')}
      AND ('user' = ANY (${amr}) OR ${allows(policy, 'totp')}))), false))`;

/**
 * SQL condition: the policy requires a sign-in method or a second factor that these methods of authentication do not
 * include. For API keys, for which the maximum age does not apply.
 *
 * @param policy the column `security`
 */
export const lacksProof = (policy: Sql, amr: Sql): Sql =>
  sql`(${lacksMethod(policy, amr)} OR ${lacksFactor(policy, amr)})`;

/**
 * SQL condition: the remembered device replaces the second factor, for the days that the organization allows. The kind
 * of the factor is not stored with the device, so the device counts only if the policy allows all kinds.
 */
const isRemembered = (policy: Sql, rememberedFactorAt: Sql, now: Date): Sql => sql`
  (NOT ${policy} ? 'allowedFactors' AND ${rememberedFactorAt}
    > ${now}::timestamptz - make_interval(days => (${policy} ->> 'rememberDays')::integer)) IS TRUE`;

/**
 * The policy if a session does not meet it (`jsonb`, see {@link UnmetPolicy}); null if the session meets it, or there
 * is none. If the policy requires a second factor, the age of the factor counts, otherwise that of the authentication.
 *
 * @param policy the column `security`
 */
export const unmetPolicy = (
  policy: Sql,
  { amr, factorAt, strongFactorAt, rememberedFactorAt, authenticatedAt }: SessionProof,
  now: Date,
): Sql => sql`
  CASE
    WHEN ${policy} IS NULL THEN NULL
    WHEN ${lacksMethod(policy, amr)} THEN ${policy} || '{"unmet": "method"}'
    WHEN ${lacksFactor(policy, amr)} AND NOT ${isRemembered(policy, rememberedFactorAt, now)}
      THEN ${policy} || '{"unmet": "factor"}'
    WHEN COALESCE(
        CASE
          WHEN NOT ${requiresFactor(policy)} THEN ${authenticatedAt}
          WHEN NOT ${allows(policy, 'totp')} THEN ${strongFactorAt}
          ELSE COALESCE(${factorAt}, ${rememberedFactorAt})
        END,
        '-infinity') <= ${now}::timestamptz - make_interval(hours => (${policy} ->> 'maxSessionHours')::integer)
      THEN ${policy} || '{"unmet": "age"}'
  END`;

/** The authentication of a person in a session, as values. */
export interface PresentedProof {
  readonly amr: readonly string[];
  readonly factorAt: Date | null;
  readonly strongFactorAt: Date | null;
  readonly rememberedFactorAt: Date | null;
  readonly authenticatedAt: Date;
}

/** The authentication of the caller. If the caller has no factor any more, those used in the session do not count. */
export const proofOf = ({ user, session }: Pick<Actor & { kind: 'user' }, 'user' | 'session'>): PresentedProof => ({
  amr: user.hasFactor ? session.amr : session.amr.filter((method) => firstFactors.includes(method)),
  factorAt: user.hasFactor ? session.factorAt : null,
  strongFactorAt: user.hasFactor ? session.strongFactorAt : null,
  rememberedFactorAt: user.hasFactor ? session.rememberedFactorAt : null,
  authenticatedAt: session.authenticatedAt,
});

/** The authentication in a statement that reads the session `s` and the user `u`. */
export const proofInStatement: SessionProof = {
  amr: sql`
    CASE WHEN u.has_factor THEN s.amr
      ELSE ARRAY(SELECT unnest(s.amr) INTERSECT SELECT unnest(${firstFactors}::text[])) END`,
  factorAt: sql`s.factor_at`,
  strongFactorAt: sql`s.strong_factor_at`,
  rememberedFactorAt: sql`CASE WHEN u.has_factor THEN s.remembered_factor_at END`,
  authenticatedAt: sql`s.authenticated_at`,
};

/** The columns of {@link PresentedProof}s, for `unnest`. */
export const proofColumns = (proofs: readonly (PresentedProof | undefined)[]): Sql => sql`
  ${proofs.map((proof) => proof?.amr.join(' ') ?? null)}::text[],
  ${proofs.map((proof) => proof?.factorAt ?? null)}::timestamptz[],
  ${proofs.map((proof) => proof?.strongFactorAt ?? null)}::timestamptz[],
  ${proofs.map((proof) => proof?.rememberedFactorAt ?? null)}::timestamptz[],
  ${proofs.map((proof) => proof?.authenticatedAt ?? null)}::timestamptz[]`;

/** The names of the {@link proofColumns}. */
export const proofNames = sql`proven_amr, proven_factor_at, strong_factor_at, remembered_factor_at, proven_at`;

/** The authentication in a row of `asked`. */
export const proofOfAsked: SessionProof = {
  amr: sql`string_to_array(asked.proven_amr, ' ')`,
  factorAt: sql`asked.proven_factor_at`,
  strongFactorAt: sql`asked.strong_factor_at`,
  rememberedFactorAt: sql`asked.remembered_factor_at`,
  authenticatedAt: sql`asked.proven_at`,
};

const toSql = ({
  amr,
  factorAt,
  strongFactorAt,
  rememberedFactorAt,
  authenticatedAt,
}: PresentedProof): SessionProof => ({
  amr: sql`${[...amr]}::text[]`,
  factorAt: sql`${factorAt}::timestamptz`,
  strongFactorAt: sql`${strongFactorAt}::timestamptz`,
  rememberedFactorAt: sql`${rememberedFactorAt}::timestamptz`,
  authenticatedAt: sql`${authenticatedAt}::timestamptz`,
});

/**
 * The policy of the organization `o` if the session of the caller does not meet it (`jsonb`). Machine users are exempt,
 * super admins are not.
 */
export const unmetBy = (actor: Actor, now: Date, policy: Sql = sql`o.security`): Sql =>
  actor.kind === 'user' ? unmetPolicy(policy, toSql(proofOf(actor)), now) : sql`NULL::jsonb`;

/** The authentication of the caller without the remembered device, for credentials that outlive the session. */
export const withoutRememberedDevice = (actor: Actor): Actor =>
  actor.kind === 'user' ? { ...actor, session: { ...actor.session, rememberedFactorAt: null } } : actor;

/** The authentication that a session needs for an organization. */
export interface StepUpRequired {
  /** Strength of the authentication, as a URN. */
  readonly acr: string;
  /** The kind of object that requires this authentication. */
  readonly by: 'organization';
  /** The kinds of factors that count. Absent: all. */
  readonly allowedFactors?: FactorKind[];
  /** Maximum age of the authentication. Absent: unlimited. */
  readonly maxAgeSeconds?: number;
  /** Sign-in methods of which one is needed. Absent: one was used in the session, or all are accepted. */
  readonly signInMethods?: SignInMethod[];
}

const acrOfPolicy = ({ mfa, allowedFactors }: StoredPolicy): Acr => {
  if (mfa !== 'required') return 1;
  return !allowedFactors || allowedFactors.includes('totp') ? 2 : 3;
};

const maxAgeOfPolicy = ({ maxSessionHours }: StoredPolicy): number | undefined =>
  maxSessionHours === undefined ? undefined : maxSessionHours * 3600;

export function toStepUp(policy: UnmetPolicy): StepUpRequired {
  const maxAgeSeconds = maxAgeOfPolicy(policy);
  return {
    acr: acrUrn(acrOfPolicy(policy)),
    by: 'organization',
    ...(policy.mfa === 'required' && policy.allowedFactors && { allowedFactors: [...policy.allowedFactors] }),
    ...(maxAgeSeconds !== undefined && { maxAgeSeconds }),
    ...(policy.unmet === 'method' && policy.signInMethods && { signInMethods: [...policy.signInMethods] }),
  };
}

/** The field of a membership whose organization has a policy that the session does not meet. */
export const stepUpField = (unmet: UnmetPolicy | null): { stepUpRequired?: StepUpRequired } =>
  unmet ? { stepUpRequired: toStepUp(unmet) } : {};

const sentences = {
  method:
    'The organization does not accept the sign-in method of this session. Sign in with a method in `signInMethods` ' +
    'of its security policy, then repeat the call.',
  factor:
    'The organization requires a second factor that was not used in this session. Send one to POST ' +
    '/v1/authentication/users/me/reauthentication, then repeat the call. Without a second factor, add one first.',
  age:
    'The organization requires a more recent authentication. Re-authenticate with POST ' +
    '/v1/authentication/users/me/reauthentication, then repeat the call.',
} as const;

/** The refusal of a session that does not meet the policy of an organization. */
export function policyRefusal(policy: UnmetPolicy): ApiError {
  return new ApiError(policy.unmet === 'age' ? 'reauthentication_required' : 'step_up_required', {
    headers: { 'www-authenticate': authenticationChallenge(acrOfPolicy(policy), maxAgeOfPolicy(policy)) },
    detail: sentences[policy.unmet],
  });
}
