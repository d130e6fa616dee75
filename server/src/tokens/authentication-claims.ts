import type { PresentedSession } from '../access/actor.ts';
import { acrUrn } from '../access/second-factor.ts';

export const inSeconds = (time: Date): number => Math.floor(time.getTime() / 1000);

/**
 * How and when the person authenticated. A password renews `auth_time` and leaves `acr`, so the times of second factors
 * are separate claims. They are absent if no second factor was used in the session.
 *
 * @see RFC 9470, section 6.2
 */
export const authenticationClaims = (session: PresentedSession) => ({
  auth_time: inSeconds(session.authenticatedAt),
  amr: [...session.amr],
  acr: acrUrn(session.acr),
  ...(session.factorAt && { second_factor_time: inSeconds(session.factorAt) }),
  ...(session.strongFactorAt && { strong_factor_time: inSeconds(session.strongFactorAt) }),
});
