import { z } from 'zod';
import { emailAddress } from '../http/email-address.ts';
import { text } from '../http/fields.ts';

export const signIn = z
  .strictObject({
    email: emailAddress,
    password: text({ max: 1000 }).meta({ description: 'The password.', examples: ['Password@123JonDoeInc'] }),
  })
  .meta({ id: 'SignInRequest', description: 'E-mail address and password.' });
