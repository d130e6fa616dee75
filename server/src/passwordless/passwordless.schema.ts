import { z } from 'zod';
import { emailAddress } from '../http/email-address.ts';
import { message, optional } from '../http/fields.ts';
import { urlTemplate } from '../users/users.schema.ts';

export const requestSignInCode = z
  .strictObject({
    email: emailAddress,
    signInUrl: optional(
      urlTemplate(
        'URL template of the link in the mail, with {{code}} and {{email}}. Default: the setting of the app.',
        'https://app.example.com/sign-in?code={{code}}&email={{email}}',
      ),
    ),
  })
  .meta({ id: 'RequestSignInCodeRequest', description: 'The address of the person who wants to sign in.' });

export const signInCodeRequested = z
  .object({ message: message('If the account exists, an email has been sent') })
  .meta({ id: 'RequestSignInCodeResult', description: 'The same text, whether or not the account exists.' });
