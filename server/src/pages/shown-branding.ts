import { findBrandedApp, type BrandedApp } from '../branding/branding.store.ts';
import {
  findPossibleBranding,
  type OrganizationWithLook,
  type PossibleBranding,
} from '../branding/shown-branding.store.ts';
import type { Call } from '../calls/route.ts';
import { cookieOf } from '../http/credential.ts';
import { emailKey } from '../http/email-address.ts';
import { id } from '../http/fields.ts';
import { codeHash, constantTimeEqual, isLongCode, sha256 } from '../keys/secrets.ts';

/** What a page has the look of: the app, or one of its organizations. */
export interface ShownBranding extends BrandedApp {
  /** The organization that the visitor may see; undefined: the page has the look of the app. */
  readonly organization: OrganizationWithLook | undefined;
}

/** Parameters of a page that can name an organization and an invitation to it. */
interface Asked {
  readonly org?: string | undefined;
  readonly email?: string | undefined;
  readonly code?: string | undefined;
}

/** Whether the code is one of an invitation to the organization. Short codes are not: they could be guessed here. */
function isInvited({ services }: Call, { app, organization }: PossibleBranding, code: string | undefined): boolean {
  if (code === undefined || !organization) return false;
  const binding = { appId: app.id, purpose: 'invitation', orgId: organization.id, code } as const;
  const keys = services.sealer.deriveKeys('codes');
  return organization.codes.some(({ userId, longHash }) =>
    keys.some((key) => constantTimeEqual(codeHash(key, { ...binding, userId }), longHash)),
  );
}

/**
 * The app, and the look of the organization that a page names. It is shown only if the session of the browser is of a
 * member, or with the long code of an invitation. Otherwise every organization could show its look under the name of
 * the product's host, to people who have nothing to do with it.
 *
 * @returns undefined if there is no such app
 */
export async function findShownBranding(
  call: Call,
  appName: string,
  { org, email, code }: Asked,
): Promise<ShownBranding | undefined> {
  const { db, clock, config } = call.services;
  const token = cookieOf(call.request, 'session-token', { appName, publicUrl: config.publicUrl });
  const invitation = email !== undefined && code !== undefined && isLongCode(code) ? { email, code } : undefined;
  const orgId = id.safeParse(org);
  if (!orgId.success || (token === undefined && !invitation)) {
    const branded = await findBrandedApp(db, appName);
    return branded && { ...branded, organization: undefined };
  }
  const possible = await findPossibleBranding(db, appName, {
    orgId: orgId.data,
    tokenHash: token === undefined ? undefined : sha256(token),
    invitedKey: invitation && emailKey(invitation.email),
    now: clock.now(),
  });
  if (!possible) return undefined;
  const isShown = possible.organization?.isMember || isInvited(call, possible, invitation?.code);
  return { ...possible, organization: isShown ? possible.organization : undefined };
}
