import { accepting, overApp, overOrganization } from '../access/access.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { findBrandedApp, type BrandedApp } from '../branding/branding.store.ts';
import { withOrganizationPatch, withPatch } from '../branding/changed-branding.ts';
import { checkColors } from '../branding/check-colors.ts';
import { findLogo } from '../branding/logo.store.ts';
import { toOrganizationBranding } from '../branding/organization-branding.store.ts';
import {
  brandingPreview,
  previewBranding,
  type PreviewOptions,
  previewOrganizationBranding,
} from '../branding/preview.schema.ts';
import { readLogo } from '../branding/read-logo.ts';
import { requireOrganizationBranding } from '../branding/require-organization-branding.ts';
import {
  findOrganizationName,
  findOrganizationWithBranding,
  type OrganizationWithBranding,
} from '../branding/shown-branding.store.ts';
import { type Call, noAudit, nothingKept, route } from '../calls/route.ts';
import { ApiError } from '../http/errors.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { documentOf } from '../pages/layout.ts';
import { type Form, PageCall } from '../pages/page-call.ts';
import type { ShownBranding } from '../pages/shown-branding.ts';
import { previewOfInvitation } from './invitation.page.ts';
import { previewOfSignIn } from './sign-in.page.ts';

/** The logo of a preview: the logo in the request, otherwise the stored logo. */
function shownLogo({ services, appId }: Call, { logo }: PreviewOptions, orgId?: string) {
  if (logo === null) return undefined;
  return logo === undefined ? findLogo(services.db, appId, orgId) : readLogo(logo);
}

type ShownLogo = Awaited<ReturnType<typeof shownLogo>>;

const dataUrlOf = (logo: ShownLogo): string | undefined =>
  logo && `data:${logo.type};base64,${logo.bytes.toString('base64')}`;

/** The page call of a preview. */
function pageOf(call: Call, branding: ShownBranding, logo: ShownLogo, { language }: PreviewOptions): PageCall {
  const preview = { language: language ?? branding.app.settings.language, logoUrl: dataUrlOf(logo) };
  // An example address for the preview of an invitation.
  const form: Form = branding.organization ? { email: 'jon.doe@example.com' } : {};
  return new PageCall(call, branding, form, preview);
}

async function brandedAppOf(call: Call): Promise<BrandedApp> {
  const branded = await findBrandedApp(call.services.db, (await namedAppOf(call)).name);
  if (!branded) throw new ApiError('app_not_found');
  return branded;
}

/** The stored branding of the organization; the defaults before the first change. */
async function organizationOf({ services, appId, orgId }: Call): Promise<OrganizationWithBranding> {
  const found = await findOrganizationWithBranding(services.db, appId, orgId);
  if (found) return found;
  const { textsAllowed, ...look } = toOrganizationBranding(null);
  const name = await findOrganizationName(services.db, appId, orgId);
  return { id: orgId, name, look, textsAllowed, logo: undefined };
}

const showing = {
  method: 'POST',
  tag: 'authorization',
  audit: noAudit('A preview is shown. Nothing changes.'),
  idempotency: nothingKept('A preview is shown. Nothing changes.'),
  response: { status: 200, description: 'The page.', body: brandingPreview },
} as const;

export const previewRoutes = [
  route({
    ...showing,
    url: '/v1/authorization/branding/preview',
    operationId: 'previewBranding',
    summary: 'Preview the branding of the app',
    description:
      'Returns the sign-in page with the branding that is sent, without storing it. The page is a value in JSON: ' +
      'this service never shows it, so nobody can be sent to it.',
    access: accepting({ accessToken: true }, overApp('SUPER_ADMIN')),
    body: previewBranding,
    errors: ['contrast_too_low', 'logo_invalid'],
    handler: async (call) => {
      const { logo: _, language, ...patch } = call.body;
      checkColors(patch);
      const [branded, logo] = [await brandedAppOf(call), await shownLogo(call, call.body)];
      const branding = { ...withPatch(branded, patch), logo, organization: undefined };
      const page = pageOf(call, branding, logo, { language });
      return { html: documentOf(page.look, await previewOfSignIn(page), { isPreview: true }) };
    },
  }),

  route({
    ...showing,
    url: '/v1/authorization/organizations/:orgId/branding/preview',
    operationId: 'previewOrganizationBranding',
    summary: 'Preview the branding of an organization',
    description:
      'Returns the page of an invitation with the branding that is sent, without storing it. Name, texts and links ' +
      'are shown as they would be: with `textsAllowed` in the request, as after the permission. The page is a value ' +
      'in JSON: this service never shows it, so nobody can be sent to it.',
    access: accepting({ accessToken: true }, overOrganization('read', 'ORG_OWNER')),
    params: organizationParams,
    body: previewOrganizationBranding,
    errors: ['contrast_too_low', 'logo_invalid', 'organization_branding_disabled'],
    handler: async (call) => {
      await requireOrganizationBranding(call);
      const { logo: _, language, ...patch } = call.body;
      checkColors(patch);
      const [branded, stored] = [await brandedAppOf(call), await organizationOf(call)];
      const own = await shownLogo(call, call.body, call.orgId);
      const organization = { ...withOrganizationPatch(stored, patch), logo: own };
      // An organization without a logo has the logo of the app.
      const logo = own ?? (await findLogo(call.services.db, call.appId));
      const page = pageOf(call, { ...branded, organization }, logo, { language });
      return { html: documentOf(page.look, previewOfInvitation(page), { isPreview: true }) };
    },
  }),
];
