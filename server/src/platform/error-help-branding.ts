import type { ErrorHelp } from './error-help-factors.ts';

/** Help for the codes about branding. */
export const helpOfBranding = {
  contrast_too_low: {
    cause: 'Links and marks in this colour would have a contrast below 4.5 to 1 on a background of the hosted pages.',
    remedy:
      'Send the colour in `nearestColors`, or another one. Light mode needs a dark colour, dark mode a light one.',
  },
  logo_invalid: {
    cause: 'The image is an SVG or another format, is animated, is too large, or has content after its end.',
    remedy: 'Export the logo as PNG, WebP or JPEG with at most 2048 pixels a side and 100 KiB.',
  },
  logo_not_found: {
    cause: 'No logo was stored, or it was deleted.',
    remedy: 'Store one with `PUT …/branding/logo`.',
  },
  organization_branding_disabled: {
    cause: 'The app setting `organizationBranding` is false, as it is by default.',
    remedy: 'To allow branding of organizations, a super admin sets `organizationBranding` to true.',
  },
} as const satisfies Readonly<Record<string, ErrorHelp>>;
