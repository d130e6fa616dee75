import { z } from 'zod';
import { appName } from '../apps/apps.schema.ts';
import { text } from '../http/fields.ts';
import { stepUpRequired } from '../users/step-up.schema.ts';

export const introspectToken = z
  .strictObject({
    token: text({ min: 1, max: 8192 }).meta({
      description:
        'The received credential: the token of a session or of a machine user, the access token of a person, or an ' +
        'API key.',
      examples: ['gh_s_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    }),
  })
  .meta({ id: 'IntrospectTokenRequest', description: 'The token to introspect. RFC 7662, section 2.1.' });

/** The description is separate: a parameter that operations share would be a component with the name of a schema. */
export const introspectionParams = z.strictObject({
  app: appName.meta({ description: 'Name of the app whose tokens are introspected.', examples: ['demo'] }),
});

/** Form of an OAuth client. Unknown parameters are ignored (RFC 6749, section 3.2), such as `token_type_hint`. */
export const introspectionForm = z
  .object({
    token: text({ min: 1, max: 8192 }).meta({
      description: 'The received token.',
      examples: ['gh_s_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    }),
    client_id: text({ min: 1, max: 100 })
      .optional()
      .meta({
        description: 'Client id, if the client does not use Basic authentication.',
        examples: ['118273645546213378'],
      }),
    client_secret: text({ min: 1, max: 200 })
      .optional()
      .meta({
        description: 'Client secret, if the client does not use Basic authentication.',
        examples: ['gh_m_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
      }),
  })
  .meta({
    id: 'IntrospectionForm',
    description: 'The token, and the credential of the client. RFC 7662, section 2.1.',
  });

const seconds = (what: string) =>
  z
    .int()
    .optional()
    .meta({ description: `${what}, in seconds since 1970.`, examples: [1_795_600_000] });

const words = (what: string, example: string) =>
  z
    .string()
    .optional()
    .meta({ description: what, examples: [example] });

export const introspection = z
  .object({
    active: z.boolean().meta({
      description: 'Whether the token is valid now. If not, no other field is present.',
      examples: [true],
    }),
    kind: z
      .enum(['user', 'machine', 'organization_machine', 'api_key'])
      .optional()
      .meta({
        description:
          'Kind of the credential: of a person, a machine user, a machine user of an organization, or an API key.',
        examples: ['user'],
      }),
    token_type: words('How the token is presented (RFC 6750).', 'Bearer'),
    jti: words('Id of the token; session tokens have none.', '5b1f7a52-8f5c-4a2e-9d63-0f6f6d1a7c11'),
    sub: words(
      'Id of the user or machine user; for an API key of an organization, id of the organization.',
      '118273645546213377',
    ),
    iss: words('The app that issued it.', 'https://id.example.com/apps/demo'),
    aud: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .meta({
        description: 'A string or an array of strings: the audience of the token. The name of the app means this API.',
        examples: ['demo'],
      }),
    iat: seconds('When it was issued'),
    nbf: seconds('Start of validity; session tokens have none'),
    exp: seconds('Expiry; use of a session can extend it'),
    username: words('E-mail address of the user.', 'jon.doe@example.com'),
    email_verified: z
      .boolean()
      .optional()
      .meta({ description: 'Whether the e-mail address of the user is verified.', examples: [true] }),
    sid: words('Id of the session.', '118273645546213376'),
    amr: z
      .array(z.string())
      .optional()
      .meta({ description: 'Authentication methods of the session (RFC 8176).', examples: [['pwd']] }),
    acr: words('Strength of the authentication: a URN that ends with 1, 2 or 3.', 'urn:gatehouse:acr:2'),
    auth_time: seconds('When the person last authenticated in the session'),
    second_factor_time: seconds('When the person last used a second factor in the session; absent: never'),
    strong_factor_time: seconds(
      'When the person last used a passkey with PIN or biometrics in the session; absent: never',
    ),
    org_id: words('The only organization for which an access token or API key is valid.', '118273645546213224'),
    scope: words('Current scopes of the machine user, separated by spaces.', 'members:read members:write'),
    client_id: words('Client id of the machine user; for a person, the name of the app.', '118273645546213378'),
    secret_id: words('Id of the secret for which the token was issued.', '118273645546213379'),
    permissions: z
      .array(z.string())
      .optional()
      .meta({
        description:
          'Current permissions of an API key. For an access token, the same rule applies as for `org_roles`.',
        examples: [['documents:read']],
      }),
    org_roles: z
      .array(z.string())
      .optional()
      .meta({
        description:
          'Present and empty if the session of an access token no longer meets the security policy of the ' +
          'organization. Then ignore the roles and permissions in the token.',
        examples: [[]],
      }),
    org_manager_roles: z
      .array(z.string())
      .optional()
      .meta({ description: 'Present and empty with `org_roles`.', examples: [[]] }),
    stepUpRequired,
    key_id: words('Id of the API key.', '118273645546213390'),
    key_owner: z
      .enum(['user', 'organization'])
      .optional()
      .meta({ description: 'Whether the API key belongs to a user or to the organization.', examples: ['user'] }),
    rate: z
      .object({
        remaining: z.int().meta({ description: 'Remaining uses: 0.', examples: [0] }),
        retryAfterSeconds: z.int().meta({ description: 'Seconds until the key may be used again.', examples: [3] }),
      })
      .optional()
      .meta({ description: 'Present if the API key is over its quota: refuse the request with 429.' }),
  })
  .meta({ id: 'Introspection', description: 'Description of a token. RFC 7662, section 2.2.' });
