import { z } from 'zod';
import type { Sealer } from '../keys/seal.ts';

/** Lifetime of an intent, in milliseconds. */
export const intentLifeMs = 600_000;

const secrets = z.strictObject({
  nonce: z.string(),
  codeVerifier: z.string(),
  /**
   * Seconds since the epoch at which the browser was sent away, if the provider has to authenticate the person again.
   */
  authenticateSince: z.int().optional(),
});
const profile = z.strictObject({
  issuer: z.string(),
  subject: z.string(),
  email: z.string().nullable(),
  isEmailProven: z.boolean(),
  firstName: z.string(),
  lastName: z.string(),
  /** Seconds since the epoch at which the person came back, if the provider authenticated them again. */
  authenticatedAt: z.int().optional(),
  /** Claims of the ID token, if the app maps them. */
  asserted: z.strictObject({ acr: z.string().optional(), amr: z.array(z.string()).optional() }).optional(),
});

/** Values with which the response of the provider will be checked. */
export type IntentSecrets = z.output<typeof secrets>;

/** The profile of the person at the provider. */
export type Profile = z.output<typeof profile>;

const context = (appId: string, intentId: string): string => `idp_intents:${appId}:${intentId}`;

/** Secrets and names of people are encrypted, even though an intent is valid for only ten minutes. */
export const sealContent = (
  sealer: Sealer,
  appId: string,
  intentId: string,
  content: IntentSecrets | Profile,
): Buffer => sealer.seal(JSON.stringify(content), context(appId, intentId));

const open = (sealer: Sealer, appId: string, intentId: string, sealed: Buffer): unknown =>
  JSON.parse(sealer.open(sealed, context(appId, intentId)).toString());

/** @throws SealError */
export const openSecrets = (sealer: Sealer, appId: string, intentId: string, sealed: Buffer): IntentSecrets =>
  secrets.parse(open(sealer, appId, intentId, sealed));

/** @throws SealError */
export const openProfile = (sealer: Sealer, appId: string, intentId: string, sealed: Buffer): Profile =>
  profile.parse(open(sealer, appId, intentId, sealed));
