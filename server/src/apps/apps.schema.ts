import { z } from 'zod';
import { signInMethod } from '../access/sign-in-values.schema.ts';
import { stepUpOperations } from '../access/step-up-operations.ts';
import { isAddressRange } from '../http/address-range.ts';
import { optional, patchOf, text, time, visibleName } from '../http/fields.ts';
import { defaultCounts, type LimitName, limitNames, limits } from '../limits/limits.ts';
import { ownTexts } from '../mail-texts/own-texts.ts';
import { mailLanguages } from '../mail-texts/words.ts';
import { emailAddress } from '../http/email-address.ts';
import { mfaMeta, mfaSettings } from './mfa-settings.schema.ts';

export const appName = z
  .string({ error: 'Must be a string.' })
  .regex(/^[a-z][a-z0-9-]{1,39}$/, { error: 'Must be 2 to 40 of a-z, 0-9 and -, beginning with a letter.' })
  .meta({ description: 'Name of the app, as in the header X-App-Name.', examples: ['demo'] });

const displayNameMeta = { description: 'Name of the app that people see.', examples: ['Demo'] };
const displayName = visibleName({ max: 200 }).meta(displayNameMeta);

const seconds = (what: string, min: number, max: number, example: number) =>
  z
    .int({ error: `Must be a whole number of seconds.` })
    .min(min, { error: `At least ${min} seconds.` })
    .max(max, { error: `At most ${max} seconds.` })
    .meta({ description: `${what}, in seconds.`, examples: [example] });

/** An origin in the form that browsers send: scheme, host and port only. */
const isOrigin = (value: string): boolean => URL.canParse(value) && new URL(value).origin === value;

const origin = text({ max: 300 })
  .refine((value) => isOrigin(value) && /^https?:/.test(value), {
    error: 'Must be an origin such as https://app.example.com.',
  })
  .meta({ description: 'An origin: scheme, host and port.', examples: ['https://app.example.com'] });

const redirectUrl = text({ max: 2000 })
  .refine(
    (value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && new URL(value).username === '',
    {
      error: 'Must be an http or https URL without user info.',
    },
  )
  .meta({
    description:
      'A URL with a path allows that path and fragment for all callers, with placeholders as parameters. If the ' +
      'entry ends in `?*`, it allows any query. An entry without a path allows every path of that origin, but only ' +
      'for super admins, machine users and the app’s own URL templates.',
    examples: ['https://app.example.com/verify'],
  });

const urlTemplate = (what: string, example: string) =>
  text({ min: 1, max: 2000 })
    .nullable()
    .meta({ description: `${what} null: the mail has no link, only the code.`, examples: [example] });

/** One line, because these texts are used in mail headers. */
const mailName = (what: string, example: string) =>
  text({ min: 1, max: 200 })
    .refine((value) => !/[\p{Cc}\u2028\u2029]/u.test(value), { error: 'Must be one line.' })
    .nullable()
    .meta({ description: what, examples: [example] });

const mailSettings = z
  .strictObject({
    fromName: mailName('Name of the sender. null: the default of the deployment.', 'Acme'),
    fromAddress: emailAddress.nullable().meta({
      description: 'Address of the sender. null: the default of the deployment.',
      examples: ['no-reply@acme.example'],
    }),
    replyTo: emailAddress.nullable().meta({ description: 'Reply-To address.', examples: ['support@acme.example'] }),
    brandName: mailName('Name of the product in mails. null: the display name of the app.', 'Acme Cloud'),
    logoUrl: text({ max: 2000 })
      .refine((value) => URL.canParse(value) && new URL(value).protocol === 'https:', {
        error: 'Must be an https URL.',
      })
      .nullable()
      .meta({
        description: 'Logo in mails, shown 40 pixels high. null: the brand name as text.',
        examples: ['https://acme.example/logo.png'],
      }),
    color: z
      .string({ error: 'Must be a string.' })
      .regex(/^#[0-9a-fA-F]{6}$/, { error: 'Must be a colour such as #1f6feb.' })
      .nullable()
      .meta({
        description: 'Colour of buttons in mails. The label is black or white, depending on contrast. null: blue.',
        examples: ['#1f6feb'],
      }),
    texts: ownTexts,
  })
  .partial()
  .meta({ description: 'Branding and texts of mails.', examples: [{ brandName: 'Acme Cloud' }] });

const limit = (name: LimitName) =>
  z
    .int({ error: 'Must be a whole number.' })
    .min(1, { error: 'At least 1.' })
    .max(1_000_000, { error: 'At most 1000000.' })
    .meta({ description: limits[name].description, examples: [limits[name].count] });

const limitsMeta = { description: 'Maximum counts, by name of the limit.', examples: [defaultCounts] };
const limitSettings = z
  .strictObject(Object.fromEntries(limitNames.map((name) => [name, limit(name)])) as Record<LimitName, z.ZodInt>)
  .meta(limitsMeta);

/** How people can sign in. */
export const signInMethods = z
  .array(signInMethod)
  .min(1, { error: 'At least one.' })
  .refine((methods) => new Set(methods).size === methods.length, { error: 'Each at most once.' })
  .meta({
    description:
      'How people can sign in: with a password, with a mailed code, with a passkey without a password, with an ' +
      'identity provider. Other methods are refused with `sign_in_method_disabled`. Sign-up, invitations and ' +
      'password resets are not affected.',
    uniqueItems: true,
    examples: [['password', 'emailCode', 'provider']],
  });

const stepUpOperation = z.enum(stepUpOperations, { error: `Must be one of: ${stepUpOperations.join(', ')}.` }).meta({
  id: 'StepUpOperation',
  description: 'An operation that the setting `stepUp` can protect.',
  examples: ['deleteUser'],
});

const settingsShape = {
  allowedOrigins: z
    .array(origin)
    .max(100, { error: 'At most 100.' })
    .meta({
      description: 'Origins whose pages may call this app from a browser.',
      examples: [['https://app.example.com']],
    }),
  redirectUrls: z
    .array(redirectUrl)
    .max(100, { error: 'At most 100.' })
    .meta({
      description: 'Allowed targets of URL templates and redirects.',
      examples: [['https://app.example.com/verify']],
    }),
  redirectMatching: z.enum(['exact', 'origin'], { error: 'Must be exact or origin.' }).meta({
    description:
      'How `redirectUrls` are matched. Apps created before this setting existed have `origin`: an entry without a ' +
      'path allows every path, and an entry with a path allows any query and fragment, for all callers.',
    examples: ['exact'],
  }),
  hostedPages: z.boolean({ error: 'Must be true or false.' }).meta({
    description:
      'Whether the service shows its own pages for the app (`/apps/{app}/sign-in`, …), and links of mails without ' +
      'another URL template lead to them. Apps created before this setting existed have `false`.',
    examples: [true],
  }),
  verificationUrl: urlTemplate(
    'Default URL template of verification mails.',
    'https://app.example.com/verify?code={{code}}&userId={{userId}}',
  ),
  resetUrl: urlTemplate('Default URL template of password reset mails.', 'https://app.example.com/reset?code={{code}}'),
  inviteUrl: urlTemplate(
    'Default URL template of invitation mails.',
    'https://app.example.com/join?code={{code}}&orgId={{orgId}}',
  ),
  signInUrl: urlTemplate(
    'Default URL template of mails with a code to sign in.',
    'https://app.example.com/sign-in?code={{code}}&email={{email}}',
  ),
  signInMethods,
  signUpEnabled: z.boolean().meta({ description: 'Whether self-service sign-up is enabled.', examples: [true] }),
  sessionLifeSeconds: seconds('Absolute lifetime of a session', 60, 31_536_000, 2_592_000),
  sessionIdleSeconds: seconds('Idle lifetime of a session', 60, 31_536_000, 604_800),
  sessionsPerUser: z
    .int()
    .min(1)
    .max(1000)
    .meta({
      description:
        'Maximum number of live sessions per user. A further sign-in ends the session with the oldest last use. ' +
        'Copies for products count and end with their session; the same number limits the copies.',
      examples: [100],
    }),
  machineTokenLifeSeconds: seconds('Lifetime of a machine token', 300, 43_199, 43_199),
  accessTokenLifeSeconds: seconds('Lifetime of the access token of a person', 60, 3600, 600),
  audiences: z
    .array(text({ min: 1, max: 300 }))
    .max(50, { error: 'At most 50.' })
    .meta({
      description:
        'Allowed audiences of access tokens. The first entry is the default for people. The external origin of this ' +
        'service (`PUBLIC_URL`) allows access tokens at this API. If the list is empty, machine users may name any ' +
        'audience, otherwise only a listed one.',
      examples: [['https://api.example.com']],
    }),
  cookieSameSite: z
    .enum(['lax', 'none'])
    .meta({ description: 'SameSite attribute of the session cookie.', examples: ['lax'] }),
  language: z
    .enum(mailLanguages)
    .meta({ description: 'Language of mails to users without a language.', examples: ['en'] }),
  mail: mailSettings,
  limits: limitSettings,
  auditRetentionDays: z
    .int()
    .min(1)
    .max(36_500)
    .nullable()
    .meta({ description: 'Retention of audit events in days; null: unlimited.', examples: [365] }),
  trustedBackends: z
    .array(text({ max: 50 }).refine(isAddressRange, { error: 'Must be an address or a CIDR range.' }))
    .max(100)
    .meta({ description: 'Backends whose X-End-User-Ip is the client address.', examples: [['10.0.0.0/8']] }),
  usersMayCreateOrganizations: z.boolean().meta({
    description: 'Whether people with a claimed account may create organizations, whose owners they become.',
    examples: [false],
  }),
  organizationsPerUser: z
    .int({ error: 'Must be a whole number.' })
    .min(1, { error: 'At least 1.' })
    .max(1000, { error: 'At most 1000.' })
    .meta({
      description: 'Maximum number of existing organizations that one user has created.',
      examples: [5],
    }),
  managersMayGrantAnyRole: z
    .boolean()
    .meta({ description: 'Whether managers may grant roles that they do not hold.', examples: [true] }),
  managersMayMakeApiKeys: z.boolean().meta({
    description: 'Whether managers of an organization may create, list and revoke its API keys, as owners may.',
    examples: [false],
  }),
  ownersHoldAllPermissions: z.boolean().meta({
    description:
      'Whether the owners of an organization have all permissions of all roles of the organization and of all ' +
      'predefined roles. By default, being owner gives no permission.',
    examples: [false],
  }),
  organizationMachineUsers: z.boolean().meta({
    description:
      'Whether organizations may have machine users of their own. While false, their tokens and secrets are refused.',
    examples: [false],
  }),
  organizationBranding: z.boolean().meta({
    description:
      'Whether organizations may have branding of their own, which only their members and the people they have ' +
      'invited see. While false, pages and mails have the branding of the app.',
    examples: [false],
  }),
  mfa: mfaSettings,
  stepUp: z.boolean().meta({
    description:
      'Whether the documented operations in `stepUpOperations` need fresh authentication of everybody. Operations ' +
      'that always need it are not affected. People with a second factor need it in any case.',
    examples: [false],
  }),
  stepUpOperations: z
    .array(stepUpOperation)
    .refine((names) => new Set(names).size === names.length, { error: 'Each at most once.' })
    .meta({
      description: 'The documented operations that `stepUp` protects. Default: all that it can protect.',
      uniqueItems: true,
      examples: [[...stepUpOperations]],
    }),
};

/** Changes to the settings of an app. Absent settings stay unchanged. */
export const settingsPatch = z
  .strictObject({
    ...settingsShape,
    limits: limitSettings.partial().meta(limitsMeta),
    mfa: mfaSettings.partial().meta(mfaMeta),
  })
  .partial()
  .meta({
    description: 'Settings to change; the others stay unchanged.',
    examples: [{ allowedOrigins: ['https://app.example.com'] }],
  });

export const updateSettings = settingsPatch.meta({
  id: 'UpdateAppSettingsRequest',
  description: 'Settings to change; the others stay unchanged.',
});

export type SettingsPatch = z.output<typeof settingsPatch>;

/** All settings of an app, including defaults. */
const allSettings = z.object(settingsShape);

export type Settings = z.output<typeof allSettings>;

/** The settings as a response, with warnings for administrators. */
export const settings = allSettings
  .extend({
    warnings: z
      .array(z.string().meta({ description: 'One sentence.', examples: ['redirectMatching is "origin": …'] }))
      .optional()
      .meta({
        description: 'Problems of stored settings, with remedies; absent if there are none. Read-only.',
        examples: [['redirectMatching is "origin": …']],
      }),
  })
  .meta({ id: 'AppSettings', description: 'Settings of an app.' });

/** Default settings of an app. */
export const defaultSettings: Settings = {
  allowedOrigins: [],
  redirectUrls: [],
  redirectMatching: 'exact',
  hostedPages: true,
  verificationUrl: null,
  resetUrl: null,
  inviteUrl: null,
  signInUrl: null,
  signInMethods: ['password', 'passkey', 'provider'],
  signUpEnabled: true,
  sessionLifeSeconds: 2_592_000,
  sessionIdleSeconds: 604_800,
  sessionsPerUser: 100,
  machineTokenLifeSeconds: 43_199,
  accessTokenLifeSeconds: 600,
  audiences: [],
  cookieSameSite: 'lax',
  language: 'en',
  mail: {},
  limits: defaultCounts,
  auditRetentionDays: null,
  trustedBackends: [],
  usersMayCreateOrganizations: false,
  organizationsPerUser: 5,
  managersMayGrantAnyRole: true,
  managersMayMakeApiKeys: false,
  ownersHoldAllPermissions: false,
  organizationMachineUsers: false,
  organizationBranding: false,
  mfa: {
    policy: 'optional',
    factors: ['totp', 'passkey'],
    graceDays: 7,
    rememberDays: 0,
    resetDelayHours: 0,
    relyingParty: null,
  },
  stepUp: false,
  stepUpOperations: [...stepUpOperations],
};

export const status = z
  .enum(['ACTIVE', 'INACTIVE'])
  .meta({ description: 'INACTIVE: every call of the app is refused.', examples: ['ACTIVE'] });

export const app = z
  .object({
    name: appName,
    displayName: z.string().meta(displayNameMeta),
    status,
    settings,
    createdAt: time('When the app was created'),
    updatedAt: time('When the app was last changed'),
  })
  .meta({
    id: 'App',
    description: 'One product instance, with its own users, organizations, machine users and keys.',
  });

const adminPassword = text({ max: 1000 }).meta({
  minLength: 10,
  maxLength: 128,
  description: 'Password of the first super admin.',
  examples: ['Password@123JonDoeInc'],
});

export const createApp = z
  .strictObject({
    name: appName,
    displayName,
    adminEmail: emailAddress.meta({
      description: 'E-mail address of the first super admin; counts as verified.',
      examples: ['admin@example.com'],
    }),
    adminPassword,
    settings: optional(settingsPatch),
  })
  .meta({ id: 'CreateAppRequest', description: 'A new app with its first super admin.' });

export const patchApp = patchOf({ displayName, status, settings: settingsPatch }).meta({
  id: 'UpdateAppRequest',
  description: 'Changes to an app; absent fields stay unchanged.',
});

export type AppPatch = Readonly<z.output<typeof patchApp>>;

export const appParams = z.strictObject({ name: appName });

export const appList = z
  .object({ apps: z.array(app).meta({ description: 'All apps, oldest first.', examples: [[]] }) })
  .meta({ id: 'AppList', description: 'The apps of the deployment.' });
