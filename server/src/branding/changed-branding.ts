import type { BrandingPatch } from './branding.schema.ts';
import type { BrandedApp } from './branding.store.ts';
import type { OrganizationBrandingPatch } from './organization-branding.schema.ts';
import type { OrganizationWithBranding } from './shown-branding.store.ts';

/** The fields that a patch sets. */
const given = <Patch extends object>(patch: Patch) =>
  Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as Partial<Patch>;

/** The branding of an app as a patch would make it. */
export function withPatch(branded: BrandedApp, patch: BrandingPatch): BrandedApp {
  const { name, primaryColor, ...look } = patch;
  const { app } = branded;
  const mail = { ...app.settings.mail, ...given({ brandName: name, color: primaryColor }) };
  return {
    ...branded,
    app: { ...app, settings: { ...app.settings, mail } },
    look: { ...branded.look, ...given(look) } as BrandedApp['look'],
  };
}

/** The branding of an organization as a patch would make it. */
export function withOrganizationPatch(
  organization: OrganizationWithBranding,
  { textsAllowed = organization.textsAllowed, ...look }: OrganizationBrandingPatch,
): OrganizationWithBranding {
  return {
    ...organization,
    textsAllowed,
    look: { ...organization.look, ...given(look) } as OrganizationWithBranding['look'],
  };
}
