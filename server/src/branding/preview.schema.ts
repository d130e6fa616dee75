import { z } from 'zod';
import { optional } from '../http/fields.ts';
import { mailLanguages } from '../mail-texts/words.ts';
import { appShape } from './branding.schema.ts';
import { setLogo } from './logo.schema.ts';
import { organizationShape } from './organization-branding.schema.ts';

/** The fields of a preview in addition to the values of the branding. */
const shape = {
  logo: setLogo.shape.content.nullable().optional().meta({
    description: 'A logo in base64 that is not stored. null: no logo. Absent: the stored one.',
  }),
  language: optional(
    z
      .enum(mailLanguages, { error: `Must be one of ${mailLanguages.join(', ')}.` })
      .meta({ description: 'Language of the page. Default: that of the app.', examples: ['en'] }),
  ),
};

export interface PreviewOptions {
  readonly logo?: string | null | undefined;
  readonly language?: (typeof mailLanguages)[number] | undefined;
}

export const previewBranding = z
  .strictObject({ ...appShape, ...shape })
  .partial()
  .meta({
    id: 'PreviewBrandingRequest',
    description: 'Changes to the branding that are shown, but not stored.',
    examples: [{ primaryColor: '#0b6e4f' }],
  });

export const previewOrganizationBranding = z
  .strictObject({ ...organizationShape, textsAllowed: optional(organizationShape.textsAllowed), ...shape })
  .partial()
  .meta({
    id: 'PreviewOrganizationBrandingRequest',
    description: 'Changes to the branding of an organization that are shown, but not stored.',
    examples: [{ primaryColor: '#0b6e4f' }],
  });

export const brandingPreview = z
  .object({
    html: z.string().meta({
      description:
        'The page as one document without scripts: style and logo are in it, and nothing in it can be sent or ' +
        'followed. Show it in a sandboxed frame (`<iframe sandbox srcdoc>`).',
      examples: ['<!doctype html>…'],
    }),
  })
  .meta({ id: 'BrandingPreview', description: 'A page with the branding that was sent.' });
