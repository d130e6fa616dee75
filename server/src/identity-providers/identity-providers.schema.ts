import { z } from 'zod';
import { idOf, message, optional, outputId, patchOf, text, time, visibleName } from '../http/fields.ts';
import { acrMapping } from './acr-mapping.schema.ts';
import { providerTypes, tenantTypeNames } from './provider-types.ts';

const clientId = text({ min: 1, max: 500 }).meta({
  description: 'Client id that the provider issued.',
  examples: ['1234567890-abc.apps.googleusercontent.com'],
});
const clientSecret = text({ min: 1, max: 2000 }).meta({
  description: 'Client secret that the provider issued. It is stored encrypted and never returned.',
  examples: ['GOCSPX-a-secret-of-the-provider'],
});
const nameMeta = { description: 'Label of the button.', examples: ['Acme SSO'] };
const providerName = visibleName({ max: 100 }).meta(nameMeta);
const trustEmail = z.boolean().meta({
  description:
    'Whether `email_verified: true` of this provider counts as verification of the address. Set it only if the ' +
    'provider checks mailboxes itself: its administrators can sign in to every account of the app, except accounts ' +
    'of super admins.',
  examples: [false],
});
const enabled = z.boolean().meta({ description: 'Whether people may sign in with this provider.', examples: [true] });

/** A scope as defined by RFC 6749. */
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,100}$/, { error: 'Must be a scope.' });
const scopes = z
  .array(scope)
  .min(1, { error: 'At least one.' })
  .max(20, { error: 'At most 20.' })
  .refine((list) => list.includes('openid'), { error: 'Must include "openid".' })
  .meta({ description: 'Scopes that are requested.', examples: [['openid', 'email', 'profile']] });

const hasOriginAndPathOnly = ({ username, password, search, hash }: URL): boolean =>
  [username, password, search, hash].every((part) => part === '');

const issuer = text({ min: 1, max: 500 })
  .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), {
    error: 'Must be an https URL.',
  })
  .refine((value) => !URL.canParse(value) || hasOriginAndPathOnly(new URL(value)), {
    error: 'Must have no user info, query or fragment.',
  })
  .meta({
    description: 'Issuer of the provider; its configuration is at `<issuer>/.well-known/openid-configuration`.',
    examples: ['https://sso.acme.example'],
  });

export const createGoogle = z
  .strictObject({ clientId, clientSecret })
  .meta({ id: 'CreateGoogleIdentityProviderRequest', description: 'An OAuth client of Google.' });

const tenantId = z
  .string()
  .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, { error: 'Must be the id of a tenant, a UUID.' })
  .transform((value) => value.toLowerCase())
  .meta({
    description: 'The only tenant whose users may sign in. Its administrators are trusted to verify their addresses.',
    examples: ['72f988bf-86f1-41af-91ab-2d7cd011db47'],
  });

const tenantType = z.enum(tenantTypeNames).meta({
  description: 'Which accounts may sign in: all, those of organizations, or personal accounts.',
  examples: ['AZURE_AD_TENANT_TYPE_COMMON'],
});

export const createAzure = z
  .strictObject({ clientId, clientSecret, tenantType: optional(tenantType), tenantId: optional(tenantId) })
  .refine((body) => body.tenantType === undefined || body.tenantId === undefined, {
    error: 'Send tenantType or tenantId, not both.',
    path: ['tenantId'],
  })
  .meta({
    id: 'CreateAzureIdentityProviderRequest',
    description: 'A Microsoft application. Default without `tenantType` and `tenantId`: AZURE_AD_TENANT_TYPE_COMMON.',
    not: { required: ['tenantType', 'tenantId'] },
    examples: [
      {
        clientId: '5f8f1c3a-0f0e-4c39-9d57-3a7f3c1c1d55',
        clientSecret: 'a-secret-of-the-provider',
        tenantType: 'AZURE_AD_TENANT_TYPE_COMMON',
      },
    ],
  });

export const createOidc = z
  .strictObject({
    name: providerName,
    issuer,
    clientId,
    clientSecret,
    scopes: optional(scopes),
    trustEmail: optional(trustEmail),
    acrMapping: optional(acrMapping),
  })
  .meta({ id: 'CreateOidcIdentityProviderRequest', description: 'A client of any OpenID Connect provider.' });

const callbackUrls = z.array(z.string()).meta({
  description: 'Callback URL to register at the provider.',
  examples: [['https://iam.example.com/idps/callback']],
});

export const providerCreated = z
  .object({
    message: message('IDP activated successfully'),
    id: outputId('the identity provider', '118273645546213380'),
    callbackUrls,
  })
  .meta({ id: 'CreateIdentityProviderResult', description: 'The provider is registered.' });

export const provider = z
  .object({
    id: outputId('the identity provider', '118273645546213380'),
    type: z.enum(providerTypes).meta({ description: 'Kind of provider.', examples: ['google'] }),
    name: z.string().meta(nameMeta),
    issuer: z.string().meta({ description: 'URL of its configuration.', examples: ['https://accounts.google.com'] }),
    tenantType: tenantType.optional(),
    tenantId: z
      .string()
      .optional()
      .meta({
        description: 'The only Microsoft tenant whose users may sign in.',
        examples: ['72f988bf-86f1-41af-91ab-2d7cd011db47'],
      }),
    clientId,
    scopes: z
      .array(z.string())
      .meta({ description: 'Scopes that are requested.', examples: [['openid', 'email', 'profile']] }),
    trustEmail,
    acrMapping,
    enabled,
    callbackUrls,
    createdAt: time('When it was registered'),
    updatedAt: time('When it was last changed'),
  })
  .meta({ id: 'IdentityProvider', description: 'An identity provider of the app, without its secret.' });

export const providerList = z
  .object({ idps: z.array(provider).meta({ description: 'Oldest first.', examples: [[]] }) })
  .meta({ id: 'IdentityProviderList', description: 'The identity providers of the app.' });

export const patchProvider = patchOf({
  name: providerName,
  clientId,
  clientSecret,
  enabled,
  trustEmail,
  acrMapping,
}).meta({
  id: 'UpdateIdentityProviderRequest',
  description: 'Changes to a provider; absent fields stay unchanged.',
});

export type ProviderPatch = Readonly<z.output<typeof patchProvider>>;

export const providerParams = z.strictObject({ idpId: idOf('the identity provider', '118273645546213380') });
