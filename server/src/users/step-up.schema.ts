import { z } from 'zod';
import { allowedFactor, signInMethod } from '../access/sign-in-values.schema.ts';

/** Present where an organization has a security policy that the session does not meet. */
export const stepUpRequired = z
  .object({
    acr: z.string().meta({
      description: 'Required strength of the authentication: `urn:gatehouse:acr:1`, `…:2` or `…:3`.',
      examples: ['urn:gatehouse:acr:2'],
    }),
    by: z.enum(['organization']).meta({ description: 'Who requires it.', examples: ['organization'] }),
    allowedFactors: z
      .array(allowedFactor)
      .optional()
      .meta({ description: 'Kinds of factors that count; absent: all.', examples: [['passkey']] }),
    maxAgeSeconds: z
      .int()
      .optional()
      .meta({
        description:
          'Maximum age of the authentication, and of the second factor if one is required; absent: unlimited.',
        examples: [43_200],
      }),
    signInMethods: z
      .array(signInMethod)
      .optional()
      .meta({
        description:
          'Present if no sign-in method that the organization accepts was used in the session: sign in with one of ' +
          'these.',
        examples: [['passkey', 'provider']],
      }),
  })
  .optional()
  .meta({
    description:
      'Present if the organization has a security policy that the session does not meet. The organization is then ' +
      'shown without roles and permissions. Re-authenticate, for example with a second factor.',
  });
