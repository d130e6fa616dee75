import { type CookieApp, cookieNames, setCookies } from '../calls/app-cookies.ts';
import type { Call } from '../calls/route.ts';
import { codeLifeMs } from '../codes/codes.ts';
import { cookieOf } from '../http/credential.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';

const kind = 'sign-in-browser';
const pattern = /^gh_b_[\w-]{43}$/;

/** Twice the lifetime of a code, because a request can wait before its code is created. */
const lifeSeconds = (2 * codeLifeMs.sign_in) / 1000;

function presentedSecret({ request, services }: Call, appName: string): string | undefined {
  const value = cookieOf(request, kind, { appName, publicUrl: services.config.publicUrl });
  return value !== undefined && pattern.test(value) ? value : undefined;
}

/** Hash of the secret in the cookie of a browser that has requested a code. */
export function browserHashOf(call: Call, appName: string): Buffer | undefined {
  const secret = presentedSecret(call, appName);
  return secret === undefined ? undefined : sha256(secret);
}

/**
 * Binds the links of the mails to the browser that requests them. All requests of a browser share one secret, so that
 * two tabs do not void each other's links.
 *
 * @returns the hash of the secret
 */
export function bindBrowser(call: Call, app: CookieApp): Buffer {
  const secret = presentedSecret(call, app.name) ?? newSecret('gh_b_');
  setCookies(call, app, cookieNames(call, app, kind), secret, lifeSeconds);
  return sha256(secret);
}
