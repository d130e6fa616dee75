import { findBrandedApp, type BrandedApp } from '../branding/branding.store.ts';
import {
  findPossibleBranding,
  type OrganizationWithBranding,
  type PossibleBranding,
} from '../branding/shown-branding.store.ts';
import type { Call } from '../calls/route.ts';
import { cookieOf } from '../http/credential.ts';
import { emailKey, normalizeEmail } from '../http/email-address.ts';
import { id } from '../http/fields.ts';
import { codeHash, constantTimeEqual, isLongCode, sha256 } from '../keys/secrets.ts';

/** The app whose branding a page has, and the organization if the page has its branding. */
export interface ShownBranding extends BrandedApp {
  /** The organization that the visitor may see; undefined: the page has the branding of the app. */
  readonly organization: OrganizationWithBranding | undefined;
}

/** Parameters of a page that can name an organization and an invitation to it. */
interface Asked {
  readonly org?: string | undefined;
  readonly email?: string | undefined;
  readonly code?: string | undefined;
  /** Whether an invitation is a reason to show the branding. */
  readonly isForInvited?: boolean;
}

/** Whether the code is a long code of an invitation to the organization. Short codes could be guessed here. */
function isInvited({ services }: Call, { app, organization }: PossibleBranding, code: string | undefined): boolean {
  if (code === undefined || !organization) return false;
  const binding = { appId: app.id, purpose: 'invitation', orgId: organization.id, code } as const;
  const keys = services.sealer.deriveKeys('codes');
  return organization.codes.some(({ userId, longHash }) =>
    keys.some((key) => constantTimeEqual(codeHash(key, { ...binding, userId }), longHash)),
  );
}

/**
 * The app, and the branding of the organization that a page names. The branding is shown only to signed-in members,
 * or with the long code of an invitation on the page where it is accepted. Otherwise any organization could show its
 * branding to strangers under the host of the product.
 *
 * @returns undefined if there is no such app
 */
export async function findShownBranding(
  call: Call,
  appName: string,
  { org, email, code, isForInvited = false }: Asked,
): Promise<ShownBranding | undefined> {
  const { db, clock, config } = call.services;
  const token = cookieOf(call.request, 'session-token', { appName, publicUrl: config.publicUrl });
  const invited = isForInvited && email !== undefined ? normalizeEmail(email) : undefined;
  const invitation = invited && code !== undefined && isLongCode(code) ? { email: invited, code } : undefined;
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
