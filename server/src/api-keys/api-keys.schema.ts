import { z } from 'zod';
import { idOf, instant, optional, outputId, patchOf, text, time, visibleName } from '../http/fields.ts';
import { pageMetadata, pagingQuery } from '../lists/pagination.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { roleReference } from '../roles/roles.schema.ts';

const nameMeta = { description: 'Purpose of the key.', examples: ['nightly export'] };
const name = visibleName({ max: 100 }).meta(nameMeta);

const rolesMeta = {
  description: 'Keys of roles. The API key follows later changes of these roles.',
  examples: [['reader']],
};
const permissionsMeta = {
  description: 'Permissions. Later changes of roles never add a permission to the API key.',
  examples: [['documents:read']],
};
const roles = z
  .array(roleReference)
  .min(1, { error: 'Send at least one role.' })
  .max(50, { error: 'At most 50.' })
  .meta(rolesMeta);
const permissions = z
  .array(text({ min: 1, max: 200 }))
  .min(1, { error: 'Send at least one permission.' })
  .max(100, { error: 'At most 100.' })
  .meta(permissionsMeta);

const perMinuteMeta = {
  description: 'Maximum number of uses a minute, counted by introspection. null: unlimited.',
  examples: [600],
};
const perMinute = z
  .int({ error: 'Must be a whole number.' })
  .min(1, { error: 'At least 1.' })
  .max(1_000_000, { error: 'At most 1000000.' });
const expiresAt = instant('When the key stops working', '2027-11-24T00:00:00Z');

const namedRights = {
  name,
  roles: optional(roles),
  permissions: optional(permissions),
  expiresAt: optional(expiresAt),
  perMinute: optional(perMinute).meta(perMinuteMeta),
};

const namesOneKind = (body: { roles?: unknown; permissions?: unknown }): boolean =>
  (body.roles === undefined) !== (body.permissions === undefined);
const oneKind = { error: 'Send either roles or permissions.' };

export const createApiKey = z
  .strictObject(namedRights)
  .refine(namesOneKind, oneKind)
  .meta({
    id: 'CreateApiKeyRequest',
    description: 'A new API key of an organization. Send either `roles` or `permissions`.',
    examples: [{ name: 'nightly export', permissions: ['documents:read'] }],
  });

export const createMyApiKey = z
  .strictObject({ organizationId: idOf('the organization of the key', '118273645546213224'), ...namedRights })
  .refine(namesOneKind, oneKind)
  .meta({
    id: 'CreateMyApiKeyRequest',
    description: 'A new personal API key for one organization. Send either `roles` or `permissions`.',
    examples: [{ organizationId: '118273645546213224', name: 'my laptop', permissions: ['documents:read'] }],
  });

export type NewApiKeyBody = Readonly<z.output<typeof createApiKey>>;

export const patchApiKey = patchOf({
  name,
  expiresAt: expiresAt.nullable().meta({ description: 'When the key stops working. null: never.' }),
  perMinute: perMinute.nullable().meta(perMinuteMeta),
}).meta({
  id: 'UpdateApiKeyRequest',
  description:
    'Changes to an API key. Absent fields stay unchanged. The roles or permissions of a key never change: create ' +
    'another key.',
});

export type ApiKeyPatch = Readonly<z.output<typeof patchApiKey>>;

const shown = {
  id: outputId('the API key', '118273645546213390'),
  organizationId: outputId('the organization', '118273645546213224'),
  name: z.string().meta(nameMeta),
  roles: z.array(z.string()).optional().meta(rolesMeta),
  permissions: z.array(z.string()).optional().meta(permissionsMeta),
  perMinute: z.int().nullable().meta(perMinuteMeta),
  lastCharacters: z.string().meta({ description: 'The last four characters of the key.', examples: ['x7Qw'] }),
  createdAt: time('When it was created'),
  expiresAt: time('When it stops working; null: never').nullable(),
  lastUsedAt: time('When it was last introspected, to the minute').nullable(),
};

const maker = z
  .object({
    kind: z.enum(['user', 'machine']).meta({ description: 'Kind of the maker.', examples: ['user'] }),
    id: outputId('the user or machine user', '118273645546213377'),
  })
  .nullable()
  .meta({
    description:
      'The person or machine user who created or adopted the key. Their rights limit the key. null: they are no ' +
      'longer an active member, and the key is refused until an owner adopts it.',
    examples: [{ kind: 'user', id: '118273645546213377' }],
  });

const key = z.string().meta({
  description: 'The API key; shown once.',
  examples: ['gh_k_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
});

export const myApiKey = z.object(shown).meta({ id: 'MyApiKey', description: 'A personal API key, without the key.' });
export const apiKey = z
  .object({ ...shown, maker })
  .meta({ id: 'ApiKey', description: 'An API key of an organization, without the key.' });

export const apiKeyCreated = z
  .object({ key, ...shown, maker })
  .meta({ id: 'CreateApiKeyResult', description: 'The API key, shown once.' });
export const myApiKeyCreated = z
  .object({ key, ...shown })
  .meta({ id: 'CreateMyApiKeyResult', description: 'The API key, shown once.' });

export const apiKeyListQuery = z.strictObject(pagingQuery);

const listed = { description: 'API keys in order of creation.', examples: [[]] };
export const apiKeyList = z
  .object({ metadata: pageMetadata, apiKeys: z.array(apiKey).meta(listed) })
  .meta({ id: 'ApiKeyList', description: 'A page of API keys of an organization.' });
export const myApiKeyList = z
  .object({ metadata: pageMetadata, apiKeys: z.array(myApiKey).meta(listed) })
  .meta({ id: 'MyApiKeyList', description: 'A page of personal API keys.' });

const apiKeyId = idOf('the API key', '118273645546213390');
export const myApiKeyParams = z.strictObject({ apiKeyId });
export const apiKeyParams = organizationParams.extend({ apiKeyId });
