import { z } from 'zod';
import { idOf, outputId, time } from '../http/fields.ts';
import { providerTypes } from './provider-types.ts';

const identity = z
  .object({
    id: outputId('the identity', '118273645546213382'),
    idpId: outputId('the identity provider', '118273645546213380'),
    type: z.enum(providerTypes).meta({ description: 'Kind of provider.', examples: ['google'] }),
    name: z.string().meta({ description: 'Name of the provider.', examples: ['Google'] }),
    email: z
      .string()
      .nullable()
      .meta({ description: 'Address at the provider when it was linked.', examples: ['jon.doe@example.com'] }),
    createdAt: time('When it was linked'),
    lastUsedAt: time('When it was last used to sign in'),
  })
  .meta({ id: 'Identity', description: 'An account at an identity provider that a user can sign in with.' });

export const identityList = z
  .object({ identities: z.array(identity).meta({ description: 'Oldest first.', examples: [[]] }) })
  .meta({ id: 'IdentityList', description: 'The identities of the caller.' });

export const identityParams = z.strictObject({ identityId: idOf('the identity', '118273645546213382') });
