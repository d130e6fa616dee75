import type { Tx } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import { id as idSchema } from '../http/fields.ts';
import type { Call } from '../calls/route.ts';
import { isVerifierOf, sha256 } from '../keys/secrets.ts';
import { mappedAcr } from '../identity-providers/acr-mapping.schema.ts';
import { openProfile } from './intent-content.ts';
import { takeIntent } from './intents.store.ts';
import type { Arrival } from './settle-identity.ts';

/** The parameters of the success URL that a client sends. */
export interface ShownIntent {
  readonly intentId: string;
  readonly idpToken: string;
  readonly codeVerifier?: string | undefined;
}

export const intentInvalid = (): ApiError =>
  new ApiError('intent_invalid', { about: { target: { kind: 'identity_provider', id: null } } });

/**
 * Whether the client that presents the token created the intent. An unexpected verifier is refused too, because the
 * client then means a different intent.
 *
 * @see RFC 7636, section 4.6; RFC 9700, section 2.1.1
 */
function isShownByItsClient(codeChallenge: string | null, codeVerifier: string | undefined): boolean {
  if (codeChallenge === null || codeVerifier === undefined) return codeChallenge === null && codeVerifier === undefined;
  return isVerifierOf(codeVerifier, codeChallenge);
}

/**
 * Consumes the intent.
 *
 * @param reauthenticates whether the intent must be one for re-authentication, or one for sign-in or linking
 * @throws ApiError `intent_invalid`, regardless of the fault
 */
export async function redeemIntent(
  tx: Tx,
  call: Call,
  shown: ShownIntent,
  { reauthenticates } = { reauthenticates: false },
): Promise<Arrival & { isBoundToClient: boolean }> {
  const { services, appId } = call;
  const intentId = idSchema.safeParse(shown.intentId).data;
  if (intentId === undefined) throw intentInvalid();
  const intent = await takeIntent(
    tx,
    appId,
    intentId,
    { tokenHash: sha256(shown.idpToken), reauthenticates },
    services.clock.now(),
  );
  if (!intent || !isShownByItsClient(intent.codeChallenge, shown.codeVerifier)) throw intentInvalid();
  const { idpId, providerName, codeChallenge, sealedContent } = intent;
  const profile = openProfile(services.sealer, appId, intentId, sealedContent);
  // The app may have withdrawn `trustEmail` or the mapping after the person returned.
  const isEmailProven = profile.isEmailProven && intent.isEmailTrusted;
  const providerAcr = mappedAcr(intent.acrMapping, profile.asserted ?? {});
  return { ...profile, isEmailProven, idpId, providerName, providerAcr, isBoundToClient: codeChallenge !== null };
}
