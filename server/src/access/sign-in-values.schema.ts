import { z } from 'zod';
import { factorKinds } from './organization-policy.ts';
import { signInMethodNames } from './sign-in-methods.ts';

export const signInMethod = z
  .enum(signInMethodNames, { error: 'Must be password, emailCode, passkey or provider.' })
  .meta({ id: 'SignInMethod', description: 'A way to sign in.', examples: ['password'] });

export const allowedFactor = z.enum(factorKinds, { error: 'Must be totp or passkey.' }).meta({
  id: 'AllowedFactor',
  description: 'A kind of factors that an organization can accept.',
  examples: ['passkey'],
});
