import { z } from 'zod';
import type { Acr } from '../access/second-factor.ts';
import type { Claims } from './provider-types.ts';

const value = z
  .string({ error: 'Must be a string.' })
  .regex(/^[\x21-\x7e]{1,200}$/, { error: 'Must have 1 to 200 visible characters of ASCII, without spaces.' });

const entry = z.strictObject({
  claim: z.enum(['acr', 'amr'], { error: 'Must be "acr" or "amr".' }).meta({
    description: 'The claim of the ID token: `acr`, a string, or `amr`, a list of strings.',
    examples: ['amr'],
  }),
  value: value.meta({ description: 'The value of `acr`, or one value in `amr`.', examples: ['mfa'] }),
  acr: z.literal([2, 3], { error: 'Must be 2 or 3.' }).meta({
    description: 'The strength of the session. 2: two factors; 3: two factors that cannot be phished.',
    examples: [2],
  }),
});

/** Maximum number of entries of a mapping. */
const entryLimit = 20;

export const acrMapping = z
  .array(entry)
  .max(entryLimit, { error: `At most ${entryLimit}.` })
  .refine((list) => new Set(list.map(({ claim, value: text }) => `${claim} ${text}`)).size === list.length, {
    error: 'Each value of a claim can be mapped once.',
  })
  .meta({
    description:
      'Values of `acr` and `amr` in the ID tokens of this provider that mean two factors. If a token has several of ' +
      'these values, the highest `acr` counts. Without an entry, sign-ins with this provider have the strength 1. ' +
      'Map only values that the provider sets after it has checked two factors itself.',
    examples: [[{ claim: 'amr', value: 'mfa', acr: 2 }]],
  });

export type AcrMapping = Readonly<z.output<typeof acrMapping>>;

/** The claims of an ID token about how the person authenticated at the provider. */
export interface AssertedAuthentication {
  readonly acr?: string | undefined;
  readonly amr?: string[] | undefined;
}

/** Reads the claims, without values that no mapping can have. Claims of another type are ignored. */
export function assertedAuthentication({ acr, amr }: Claims): AssertedAuthentication {
  const values = Array.isArray(amr) ? amr.slice(0, entryLimit * 5).map((one) => value.safeParse(one).data) : [];
  return { acr: value.safeParse(acr).data, amr: values.filter((one) => one !== undefined) };
}

/** The strength that the provider has asserted. @returns null if the mapping has none of the values */
export function mappedAcr(mapping: AcrMapping, { acr, amr = [] }: AssertedAuthentication): Acr | null {
  const matching = mapping.filter((one) => (one.claim === 'acr' ? acr === one.value : amr.includes(one.value)));
  if (matching.length === 0) return null;
  return matching.some((one) => one.acr === 3) ? 3 : 2;
}
