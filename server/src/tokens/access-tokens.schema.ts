import { z } from 'zod';
import { appName } from '../apps/apps.schema.ts';
import { idOf, optional, text } from '../http/fields.ts';

export const createAccessToken = z
  .strictObject({
    audience: optional(text({ min: 1, max: 300 })).meta({
      description:
        'The audience of the token: an entry of the app setting `audiences`. Default: the first entry. The ' +
        'external origin of this service (`PUBLIC_URL`) is the audience for this API.',
      examples: ['https://api.example.com'],
    }),
    organizationId: optional(idOf('the organization of the token', '118273645546213224')),
  })
  .meta({ id: 'CreateAccessTokenRequest', description: 'Audience and organization of the token.' });

/**
 * Has its own description, because a component shared by two operations would get the same name as the schema of apps.
 */
export const oauthJwksParams = z.strictObject({
  app: appName.meta({ description: 'Name of the app whose access tokens are verified.', examples: ['demo'] }),
});

export const accessTokenCreated = z
  .object({
    token: z.string().meta({
      description: 'ES256 JWT (RFC 9068). Verify it with the keys at `/apps/{app}/oauth/jwks`.',
      examples: ['eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsyIn0.e30.AAAA'],
    }),
    expiresInSeconds: z.int().meta({ description: 'Lifetime of the token, in seconds.', examples: [600] }),
  })
  .meta({ id: 'CreateAccessTokenResult', description: 'The access token.' });
