import { z } from 'zod';
import { time } from '../http/fields.ts';

/** How and when the person authenticated in a session. */
export const authentication = {
  amr: z
    .array(z.string())
    .meta({ description: 'Authentication methods of the session (RFC 8176).', examples: [['pwd', 'otp', 'mfa']] }),
  acr: z.literal([1, 2, 3]).meta({
    description:
      'Strength of the authentication. 1: one factor; 2: two factors; 3: a passkey that has verified the person by ' +
      'PIN or biometrics, which cannot be phished.',
    examples: [2],
  }),
  authenticatedAt: time('When the person last authenticated in the session'),
};

/** When the person last used a factor of each strength in a session. Absent: never. */
export const provenFactors = {
  secondFactorAt: time('When the person last used a second factor in the session; absent: never').optional(),
  strongFactorAt: time(
    'When the person last used a passkey with PIN or biometrics in the session; absent: never',
  ).optional(),
};
