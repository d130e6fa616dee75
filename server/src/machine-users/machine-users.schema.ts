import { z } from 'zod';
import { allScopes, machineScopes } from '../access/machine-scopes.ts';
import { appName } from '../apps/apps.schema.ts';
import { isAddressRange } from '../http/address-range.ts';
import { distinctName, idOf, instant, optional, outputId, patchOf, text, time, visibleName } from '../http/fields.ts';
import { pageMetadata, pagingQuery } from '../lists/pagination.ts';

const userNameMeta = { description: 'Name of the machine user, unique in the app.', examples: ['robot'] };
const userName = distinctName({ max: 200 }).meta(userNameMeta);

const scope = z.enum([allScopes, ...machineScopes], { error: 'Must be a scope of the list, or *.' });
const scopes = z
  .array(scope)
  .max(machineScopes.length + 1)
  .meta({
    description:
      'Scopes of the machine user. `*` stands for all scopes except `machine-users:read`, `machine-users:write`, ' +
      '`super-admins:read`, `super-admins:write`, `users:vouch` and `password-hashes:read`.',
    examples: [['members:read', 'members:write']],
  });
const allowedAudiences = z
  .array(text({ min: 1, max: 300 }))
  .max(50, { error: 'At most 50.' })
  .nullable()
  .meta({
    description:
      'Other services for which the machine user may get tokens. null: every audience that the app allows. For this ' +
      'API, `scopes` apply instead.',
    examples: [['https://billing.example.com']],
  });
const allowedNetworks = z
  .array(text({ max: 50 }).refine(isAddressRange, { error: 'Must be an address or a CIDR range.' }))
  .min(1, { error: 'At least one; null allows every network.' })
  .max(100, { error: 'At most 100.' })
  .nullable()
  .meta({
    description:
      'Networks from which the machine user may get tokens and call this API. They are compared with the address of ' +
      'the connection. `0.0.0.0/0` is all of IPv4, `::/0` all of IPv6. null: every network.',
    examples: [['203.0.113.0/24']],
  });
const tokenLifeSeconds = z
  .int({ error: 'Must be a whole number of seconds.' })
  .min(300, { error: 'At least 300 seconds.' })
  .max(43_199, { error: 'At most 43199 seconds.' })
  .nullable()
  .meta({
    description: 'Lifetime of its tokens in seconds; null: the app setting `machineTokenLifeSeconds`.',
    examples: [3600],
  });

export const createMachineUser = z
  .strictObject({
    userName,
    scopes: optional(scopes.meta({ description: 'Scopes of the machine user. Default: `*`.' })),
  })
  .meta({ id: 'CreateMachineUserRequest', description: 'A new machine user.' });

export const patchMachineUserBody = patchOf({
  userName,
  scopes,
  allowedAudiences,
  allowedNetworks,
  tokenLifeSeconds,
}).meta({ id: 'UpdateMachineUserRequest', description: 'Changes to a machine user. Absent fields stay unchanged.' });

export type MachineUserPatch = Readonly<z.output<typeof patchMachineUserBody>>;

const clientId = z
  .string()
  .meta({ description: 'Client id: the id of the machine user.', examples: ['118273645546213378'] });
const clientSecret = z.string().meta({
  description: 'Client secret; shown once.',
  examples: ['gh_m_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
});
export const machineUserId = outputId('the machine user', '118273645546213378');
const secretId = outputId('the secret', '118273645546213379');

export const machineUserCreated = z
  .object({ machineUserId, clientId, clientSecret, secretId })
  .meta({ id: 'CreateMachineUserResult', description: 'The machine user with its first secret.' });

const label = visibleName({ max: 100 }).meta({
  description: 'Purpose of the secret.',
  examples: ['deploy pipeline'],
});

export const createSecret = z
  .strictObject({
    label: optional(label),
    expiresAt: optional(instant('When the secret stops working; default: never', '2027-11-24T00:00:00Z')),
  })
  .meta({ id: 'CreateMachineSecretRequest', description: 'A further secret.' });

export const secretCreated = z
  .object({
    secretId,
    clientSecret,
    label: z
      .string()
      .optional()
      .meta({ description: 'Purpose of the secret.', examples: ['deploy pipeline'] }),
    expiresAt: time('When it stops working').optional(),
  })
  .meta({ id: 'CreateMachineSecretResult', description: 'The secret, shown once.' });

export const machineSecret = z
  .object({
    id: secretId,
    label: z
      .string()
      .nullable()
      .meta({ description: 'Purpose of the secret.', examples: ['deploy pipeline'] }),
    createdAt: time('When it was created'),
    expiresAt: time('When it stops working').nullable(),
    lastUsedAt: time('When a token was last issued for the secret, to the minute').nullable(),
  })
  .meta({ id: 'MachineSecret', description: 'A secret of a machine user, without the secret.' });

export const machineUserListQuery = z.strictObject(pagingQuery);

export const machineUser = z
  .object({
    id: machineUserId,
    userName: z.string().meta(userNameMeta),
    scopes: z.array(z.string()).meta({ description: 'Scopes of the machine user.', examples: [['*']] }),
    allowedAudiences: z
      .array(z.string())
      .nullable()
      .meta({
        description: 'Other services for which it may get tokens. null: every audience that the app allows.',
        examples: [null],
      }),
    allowedNetworks: z
      .array(z.string())
      .nullable()
      .meta({ description: 'Networks from which it may call. null: every network.', examples: [null] }),
    tokenLifeSeconds,
    createdAt: time('When it was created'),
    lastUsedAt: time('When a token was last issued for the secret, to the minute').nullable(),
    secrets: z.array(machineSecret).meta({ description: 'Its secrets.', examples: [[]] }),
  })
  .meta({ id: 'MachineUser', description: 'A machine user.' });

export const machineUserList = z
  .object({
    metadata: pageMetadata,
    machineUsers: z.array(machineUser).meta({ description: 'Machine users in order of creation.', examples: [[]] }),
  })
  .meta({ id: 'MachineUserList', description: 'A page of machine users.' });

export const machineUserParams = z.strictObject({ machineUserId: idOf('the machine user', '118273645546213378') });
export const machineSecretParams = z.strictObject({
  machineUserId: idOf('the machine user', '118273645546213378'),
  secretId: idOf('the secret', '118273645546213379'),
});

const audience = text({ min: 1, max: 300 });

export const requestToken = z
  .strictObject({
    clientId: text({ min: 1, max: 100 }).meta({ description: 'Client id.', examples: ['118273645546213378'] }),
    clientSecret: text({ min: 1, max: 200 }).meta({
      description: 'Client secret.',
      examples: ['gh_m_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    }),
    audience: optional(
      z.union([audience, z.array(audience).min(1, { error: 'At least one.' }).max(5, { error: 'At most 5.' })], {
        error: 'Must be a string, or a list of 1 to 5 strings.',
      }),
    ).meta({
      description:
        'Audiences of the token, 1 to 5. A single audience can be sent as a string. Default: this API. This API ' +
        'refuses a token for another audience.',
      examples: [['https://billing.example.com']],
    }),
  })
  .meta({ id: 'RequestMachineTokenRequest', description: 'The credential of a machine user.' });

export const issuedToken = z
  .object({
    token: z.string().meta({
      description: 'ES256 JWT (RFC 9068). Send it as Bearer.',
      examples: ['eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsxIn0.e30.AAAA'],
    }),
    expiresInSeconds: z.int().meta({ description: 'Lifetime of the token, in seconds.', examples: [43_199] }),
  })
  .meta({ id: 'RequestMachineTokenResult', description: 'The token.' });

const jwk = z
  .object({
    alg: z.literal('ES256').meta({ description: 'Algorithm.', examples: ['ES256'] }),
    crv: z.literal('P-256').meta({ description: 'Curve.', examples: ['P-256'] }),
    kid: z.string().meta({ description: 'Id of the key.', examples: ['NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'] }),
    kty: z.literal('EC').meta({ description: 'Kind of key.', examples: ['EC'] }),
    use: z.literal('sig').meta({ description: 'Use of the key.', examples: ['sig'] }),
    x: z.string().meta({ description: 'x coordinate.', examples: ['f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU'] }),
    y: z.string().meta({ description: 'y coordinate.', examples: ['x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0'] }),
  })
  .meta({ id: 'Jwk', description: 'A public key (RFC 7517).' });

export const jwks = z
  .object({ keys: z.array(jwk).meta({ description: 'Public keys of the app.', examples: [[]] }) })
  .meta({ id: 'Jwks', description: 'The keys with which the app’s tokens are verified.' });

export const jwksParams = z.strictObject({ app: appName });
