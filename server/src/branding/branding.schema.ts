import { z } from 'zod';
import { signInMethods } from '../apps/apps.schema.ts';
import { isBlank, patchOf, text } from '../http/fields.ts';
import { reordering } from '../http/invisible-characters.ts';
import { mailLanguages } from '../mail-texts/words.ts';

const oneLineText = (options: { min?: number; max: number }) =>
  text(options).refine((value) => !reordering.test(value), {
    error: 'Must be one line without marks of the writing direction.',
  });

/** A name of a product. */
export const brandName = oneLineText({ min: 1, max: 200 })
  .refine((value) => !isBlank(value), { error: 'Must be a name.' })
  .nullable();

const color = (what: string, example: string) =>
  z
    .string({ error: 'Must be a string.' })
    .regex(/^#[0-9a-fA-F]{6}$/, { error: 'Must be a colour of six digits, such as #1f5fd0.' })
    .nullable()
    .meta({ description: what, examples: [example] });

/** Browsers also read `https:acme.example` as an absolute URL; people would not recognize it as one. */
const link = (what: string, example: string) =>
  oneLineText({ max: 2000 })
    .refine(
      (value) => {
        if (!URL.canParse(value) || /\s/.test(value)) return false;
        const { protocol, username, password } = new URL(value);
        return protocol === 'https:' && username === '' && password === '';
      },
      { error: 'Must be an https URL without user info.', abort: true },
    )
    .refine((value) => /^https:\/\//i.test(value), { error: 'Must begin with https://.' })
    .nullable()
    .meta({ description: what, examples: [example] });

const fonts = ['system', 'humanist', 'serif', 'rounded', 'monospace'] as const;
export type Font = (typeof fonts)[number];

const logoBackgrounds = ['light', 'dark'] as const;
export type LogoBackground = (typeof logoBackgrounds)[number];

/** The texts of pages that can be replaced or added. Notes and the footer are empty by default. */
const textNames = ['signInLead', 'signInNote', 'signUpLead', 'signUpNote', 'footer'] as const;
export type BrandingText = (typeof textNames)[number];

const textKeys = mailLanguages.flatMap((language) => textNames.map((textName) => `${language}.${textName}`));

const faultOf = (key: string, value: string): string | undefined => {
  if (!textKeys.includes(key)) return `Must be one of ${textKeys.join(', ')}.`;
  const unknown = /\{\{(?!brandName\}\}).*?\}\}/.exec(value);
  if (unknown) return `Unknown placeholder ${unknown[0]}. Allowed here: {{brandName}}.`;
  return isBlank(value) ? 'Must not be empty.' : undefined;
};

const texts = z
  .record(z.string(), oneLineText({ max: 500 }))
  .superRefine((all, context) => {
    for (const [key, value] of Object.entries(all)) {
      const message = faultOf(key, value);
      if (message !== undefined) context.addIssue({ code: 'custom', path: [key], message });
    }
  })
  .nullable()
  .meta({
    description:
      'Texts of the pages by `<language>.<name>`, as plain text. Names: signInLead and signUpLead (headings), ' +
      'signInNote and signUpNote (a sentence below them), footer. `{{brandName}}` stands for the name. null: the ' +
      'texts of the service.',
    examples: [{ 'en.signInLead': 'Welcome to {{brandName}}' }],
  });

/** Branding that apps and organizations can set. Null: the default. */
export const lookShape = {
  primaryColorDark: color(
    'Colour of buttons and links in dark mode. null: the primary colour, in a shade that can be read.',
    '#8ab4ff',
  ),
  radius: z
    .int({ error: 'Must be a whole number of pixels.' })
    .min(0, { error: 'At least 0.' })
    .max(24, { error: 'At most 24.' })
    .nullable()
    .meta({ description: 'Radius of corners in pixels. null: 8.', examples: [12] }),
  font: z
    .enum(fonts, { error: `Must be one of ${fonts.join(', ')}.` })
    .nullable()
    .meta({ description: 'Font, of those that are installed on the device. null: system.', examples: ['humanist'] }),
  logoBackground: z
    .enum(logoBackgrounds, { error: `Must be one of ${logoBackgrounds.join(', ')}.` })
    .nullable()
    .meta({
      description:
        'The background that the logo is made for. In the other mode, the logo is shown on a surface of this ' +
        'brightness. A white logo on a transparent background needs `dark`. null: light.',
      examples: ['dark'],
    }),
  texts,
  termsUrl: link('Link to the terms of service below each page.', 'https://acme.example/terms'),
  privacyUrl: link('Link to the privacy policy below each page.', 'https://acme.example/privacy'),
  supportUrl: link('Link to the support below each page.', 'https://acme.example/support'),
};

export type Look = z.output<z.ZodObject<typeof lookShape>>;

export const primaryColor = color('Colour of buttons and links.', '#0b6e4f');

/** The values that super admins set. */
export const appShape = {
  name: brandName.meta({
    description:
      'Name of the product on pages and in mails. Also the setting `mail.brandName`. null: the display name of the ' +
      'app.',
    examples: ['Acme Cloud'],
  }),
  primaryColor: primaryColor.meta({
    description: 'Colour of buttons and links, also of buttons in mails. null: blue. Also the setting `mail.color`.',
    examples: ['#0b6e4f'],
  }),
  ...lookShape,
  methods: signInMethods.nullable().meta({
    description:
      'The sign-in methods that the sign-in page offers, in this order. Password and mailed code share a field. ' +
      'Methods that the setting `signInMethods` does not list are not shown. null: all of the setting, in its order.',
    uniqueItems: true,
    examples: [['provider', 'password']],
  }),
};

/** The stored branding of an app, except the values that are stored with the settings. */
export type AppLook = Look & Pick<z.output<z.ZodObject<typeof appShape>>, 'methods'>;

export const branding = z.object(appShape).meta({ id: 'Branding', description: 'The branding of an app.' });

export const updateBranding = patchOf(appShape).meta({
  id: 'UpdateBrandingRequest',
  description: 'Changes to the branding; absent fields stay unchanged, null restores the default.',
  examples: [{ primaryColor: '#0b6e4f' }],
});

export type BrandingPatch = Readonly<z.output<typeof updateBranding>>;
