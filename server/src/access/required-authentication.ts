import { ApiError } from '../http/errors.ts';
import type { Actor, PresentedSession, SignedInUser } from './actor.ts';
import { type Acr, authenticationChallenge } from './second-factor.ts';
import { isProtected, type StepUp } from './step-up-operations.ts';

/** Maximum age of an authentication that counts as recent, in seconds. */
export const freshForSeconds = 600;

/** The authentication that a call requires of a person. */
export interface RequiredAuthentication {
  readonly acr: Acr;
  readonly maxAgeSeconds: number;
}

/** A recent authentication of this strength. */
export const recently = (acr: Acr): RequiredAuthentication => ({ acr, maxAgeSeconds: freshForSeconds });

/** Whether a moment is recent enough. Null: it never was. */
const isWithin = (time: Date | null, maxAgeSeconds: number, now: Date): boolean =>
  time !== null && now.getTime() - time.getTime() <= maxAgeSeconds * 1000;

/**
 * When the person last used a factor of this strength in the session. Factors of a provider do not count. Null: never.
 */
function provenAt(session: PresentedSession, acr: Acr): Date | null {
  const { authenticatedAt, needsReauthentication, factorAt, strongFactorAt, restriction } = session;
  if (acr === 1) return needsReauthentication ? null : authenticatedAt;
  // A recovery code counts as every factor that it replaces.
  return acr === 2 || restriction === 'recovery' ? factorAt : strongFactorAt;
}

/** Whether the session has the required strength, recently enough. */
export const meets = (session: PresentedSession, { acr, maxAgeSeconds }: RequiredAuthentication, now: Date): boolean =>
  isWithin(provenAt(session, acr), maxAgeSeconds, now);

const passkeyRequired =
  'This call requires your passkey, with PIN or biometrics, within the last ten minutes. Send it to POST ' +
  '/v1/authentication/users/me/reauthentication, then repeat the call.';

/** The refusal of a session that is too weak. */
export const stepUpRequired = (
  { hasFactor }: Pick<SignedInUser, 'hasFactor'>,
  required: RequiredAuthentication = recently(2),
): ApiError =>
  new ApiError('step_up_required', {
    headers: { 'www-authenticate': authenticationChallenge(required.acr, required.maxAgeSeconds) },
    ...(required.acr === 3 && { detail: passkeyRequired }),
    ...(!hasFactor && {
      detail: 'Only people who have a second factor themselves may make this call. Add one first.',
    }),
  });

/** The refusal of a session whose authentication is too old. */
const reauthenticationRequired = (required: RequiredAuthentication): ApiError =>
  new ApiError('reauthentication_required', {
    headers: { 'www-authenticate': authenticationChallenge(required.acr, required.maxAgeSeconds) },
    ...(required.acr > 1 && {
      detail:
        'Send a second factor again to POST /v1/authentication/users/me/reauthentication. A password or mailed code ' +
        'is not enough, because this person has a second factor.',
    }),
  });

/**
 * Refuses a person whose session does not have the required strength, or not recently enough. A session is too
 * weak if it never had the strength, or if its recent authentication is weaker.
 *
 * @throws ApiError `step_up_required`, `reauthentication_required`
 */
export function requireAuthentication(actor: Actor, required: RequiredAuthentication, now: Date): void {
  if (actor.kind !== 'user' || meets(actor.session, required, now)) return;
  const { user, session } = actor;
  const isRecent = meets(session, { ...required, acr: 1 }, now);
  const isTooWeak = required.acr > 1 && (isRecent || provenAt(session, required.acr) === null);
  throw isTooWeak ? stepUpRequired(user, required) : reauthenticationRequired(required);
}

/**
 * Refuses a person who has not recently used their strongest factor. Without a second factor, a recent
 * authentication is enough.
 *
 * @throws ApiError `step_up_required`, `reauthentication_required`
 */
export function requireStrongestFactor(actor: Actor, now: Date): void {
  if (actor.kind === 'user') requireAuthentication(actor, recently(actor.user.strongestAcr), now);
}

/**
 * When a route requires recent authentication. `stepUp`: only if the app sets `stepUp`, or of people with a second
 * factor, because clients of the documented API do not expect the requirement.
 */
export type FreshAuthentication = 'always' | 'stepUp';

/** The authentication that a route requires of a person. */
interface Asked {
  readonly freshness: FreshAuthentication | undefined;
  readonly operationId: string;
  /** Whether the call grants rights. If so, super admins need their second factor. */
  readonly isGrant: boolean;
}

type Person = Actor & { kind: 'user' };

/**
 * The strength of the recent authentication that the route requires of a person, if it requires any. People who have a
 * second factor must use their strongest one: a password or a mailed code alone is not enough. In an app without second
 * factors, none is required. In an app that requires second factors, super admins need one to grant rights.
 */
export function requiredStrength({ isGrant }: Asked, { user, session: { mfaPolicy } }: Person): Acr {
  const own = mfaPolicy === 'off' ? 1 : user.strongestAcr;
  return isGrant && user.isSuperAdmin && mfaPolicy === 'required' && own === 1 ? 2 : own;
}

/**
 * Whether the route requires recent authentication of this person.
 *
 * @param findStepUp reads the settings, only if they matter
 */
export async function isRequired(asked: Asked, person: Person, findStepUp: () => Promise<StepUp>): Promise<boolean> {
  const { freshness, operationId, isGrant } = asked;
  const { user } = person;
  if (isGrant && user.isSuperAdmin && requiredStrength(asked, person) > 1) return true;
  if (freshness === undefined) return false;
  return freshness === 'always' || user.hasFactor || isProtected(await findStepUp(), operationId);
}
