import { z } from 'zod';
import { message, optional } from '../http/fields.ts';
import { emailAddress } from '../http/email-address.ts';
import { currentPassword } from './passwords.schema.ts';
import { verificationCode } from '../users/users.schema.ts';

export const requestEmailChange = z
  .strictObject({
    newEmail: emailAddress.meta({ description: 'The new address.', examples: ['jon@new.example.com'] }),
    currentPassword: optional(currentPassword),
  })
  .meta({ id: 'RequestEmailChangeRequest', description: 'The new e-mail address.' });

export const emailChangeRequested = z
  .object({ message: message('Verification email sent') })
  .meta({ id: 'RequestEmailChangeResult', description: 'The mail to the new address is on its way.' });

export const changeEmail = z
  .strictObject({ verificationCode })
  .meta({ id: 'ChangeEmailRequest', description: 'The code that was sent to the new address.' });

export const emailChanged = z
  .object({ message: message('Email updated') })
  .meta({ id: 'ChangeEmailResult', description: 'The address is changed and verified.' });

export const deleteMe = z
  .strictObject({ currentPassword: optional(currentPassword) })
  .meta({ id: 'DeleteMeRequest', description: 'Confirms that the caller is the owner of the account.' });
