import { z } from 'zod';
import { patchOf } from '../http/fields.ts';
import { brandName, type Look, lookShape, primaryColor } from './branding.schema.ts';

/** The values that the owners of an organization set. */
const ownShape = {
  name: brandName.meta({
    description: 'Name that pages and mails show in place of the name of the app. Shown only with `textsAllowed`.',
    examples: ['Acme Cloud'],
  }),
  primaryColor: primaryColor.meta({
    description: 'Colour of buttons and links, also of buttons in mails.',
    examples: ['#0b6e4f'],
  }),
  ...lookShape,
};

export const organizationShape = {
  ...ownShape,
  textsAllowed: z.boolean({ error: 'Must be true or false.' }).meta({
    description:
      'Whether the name, texts and links of this organization are shown. Only super admins can change it. Until ' +
      'then, those of the app are shown.',
    examples: [false],
  }),
};

/** The stored branding of an organization. null: inherited from the app. */
export type OrganizationLook = Look & Pick<z.output<z.ZodObject<typeof ownShape>>, 'name' | 'primaryColor'>;

export const organizationBranding = z.object(organizationShape).meta({
  id: 'OrganizationBranding',
  description: 'The branding of the pages and mails of an organization. null: the value of the app.',
});

export type OrganizationBranding = Readonly<z.output<typeof organizationBranding>>;

export const updateOrganizationBranding = patchOf(organizationShape).meta({
  id: 'UpdateOrganizationBrandingRequest',
  description: 'Changes to the branding; absent fields stay unchanged, null restores the value of the app.',
  examples: [{ primaryColor: '#0b6e4f' }],
});

export type OrganizationBrandingPatch = Readonly<z.output<typeof updateOrganizationBranding>>;
