import { type CookieApp, cookieNames, setCookies } from '../calls/app-cookies.ts';
import type { Call } from '../calls/route.ts';
import type { Tx } from '../db/db.ts';
import { cookieOf } from '../http/credential.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';
import { findRememberedDevice, rememberFactor, type RememberedFactor } from './devices.store.ts';

const kind = 'remembered-device';
const daySeconds = 24 * 3600;

/** Maximum number of secrets in the cookie: one for each account that is remembered on the device, newest last. */
const secretsHeld = 5;
const separator = '.';
const pattern = /^gh_r_[\w-]{43}$/;

/** Settings of an app that concern remembered devices. */
type RememberingApp = CookieApp & {
  readonly id: string;
  readonly settings: { readonly mfa: { readonly policy: string; readonly rememberDays: number } };
};

const presentedSecrets = ({ request, services }: Call, appName: string): string[] => {
  const value = cookieOf(request, kind, { appName, publicUrl: services.config.publicUrl }) ?? '';
  const secrets = value.split(separator, secretsHeld + 1).filter((secret) => pattern.test(secret));
  return [...new Set(secrets)].slice(0, secretsHeld);
};

/**
 * Hashes of the secrets by which a browser is remembered. They are read only from the separate cookie. Scripts can read
 * device tokens, because responses repeat them in a header.
 */
export const rememberHashesOf = (call: Call, appName: string): Buffer[] => presentedSecrets(call, appName).map(sha256);

/** Finds the remembered device of the call for a locked user. Undefined: the second factor is required. */
export async function rememberedDeviceOf(
  tx: Tx,
  call: Call,
  app: RememberingApp,
  userId: string,
): Promise<RememberedFactor | undefined> {
  if (app.settings.mfa.rememberDays === 0) return undefined;
  const hashes = rememberHashesOf(call, app.name);
  if (hashes.length === 0) return undefined;
  return findRememberedDevice(tx, app.id, { userId, hashes, now: call.services.clock.now() });
}

/**
 * Remembers the device of a locked user who has just used a second factor on it.
 *
 * @param device the user, and the hash of the device token
 * @returns the secret for the cookie; undefined if the app remembers no devices
 */
export async function rememberDevice(
  tx: Tx,
  { services }: Call,
  app: RememberingApp,
  device: { userId: string; tokenHash: Buffer },
): Promise<string | undefined> {
  if (app.settings.mfa.rememberDays === 0) return undefined;
  const secret = newSecret('gh_r_');
  const remembered = { ...device, rememberHash: sha256(secret), now: services.clock.now() };
  return (await rememberFactor(tx, app.id, remembered)) ? secret : undefined;
}

/** Sends the secret as a cookie, together with those of other accounts on the device. Never in a header or body. */
export function setRememberedDevice(call: Call, app: RememberingApp, secret: string): void {
  const held = [...presentedSecrets(call, app.name), secret].slice(-secretsHeld).join(separator);
  const maxAge = app.settings.mfa.rememberDays * daySeconds;
  setCookies(call, app, cookieNames(call, app, kind), held, maxAge);
}
