import type { AppLook } from './branding.schema.ts';
import type { BrandedApp, LogoReference } from './branding.store.ts';
import type { OrganizationWithBranding } from './shown-branding.store.ts';

/** The branding of a page or mail: values of an organization, then of the app. null: the default. */
export interface InheritedLook extends Omit<AppLook, 'methods'> {
  readonly brandName: string;
  readonly primaryColor: string | null;
  readonly logo: (LogoReference & { readonly alternative: string }) | undefined;
}

type Colors = Pick<InheritedLook, 'primaryColor' | 'primaryColorDark'>;

/** The colours for both modes belong together: the dark colour of the app does not fit another primary colour. */
const colorsOf = (app: Colors, { look }: OrganizationWithBranding): Colors =>
  look.primaryColor === null
    ? { primaryColor: app.primaryColor, primaryColorDark: look.primaryColorDark ?? app.primaryColorDark }
    : { primaryColor: look.primaryColor, primaryColorDark: look.primaryColorDark };

function withTexts(app: InheritedLook, { look, textsAllowed }: OrganizationWithBranding) {
  if (!textsAllowed) return {};
  return {
    brandName: look.name ?? app.brandName,
    texts: { ...app.texts, ...look.texts },
    termsUrl: look.termsUrl ?? app.termsUrl,
    privacyUrl: look.privacyUrl ?? app.privacyUrl,
    supportUrl: look.supportUrl ?? app.supportUrl,
  };
}

/** @param organization the branding of the organization; undefined: the branding of the app */
export function inheritedLook(
  { app, look, logo }: BrandedApp,
  organization: OrganizationWithBranding | undefined,
): InheritedLook {
  const { brandName = null, color = null } = app.settings.mail;
  const { methods: _, ...own } = look;
  const name = brandName ?? app.displayName;
  const ofApp = { ...own, brandName: name, primaryColor: color, logo: logo && { ...logo, alternative: name } };
  if (!organization) return ofApp;
  return {
    ...ofApp,
    ...colorsOf(ofApp, organization),
    radius: organization.look.radius ?? ofApp.radius,
    font: organization.look.font ?? ofApp.font,
    ...(organization.logo && {
      logo: { ...organization.logo, alternative: organization.name },
      logoBackground: organization.look.logoBackground,
    }),
    ...withTexts(ofApp, organization),
  };
}
