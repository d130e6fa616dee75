import { z } from 'zod';
import { ignoredField, message, optional, text } from '../http/fields.ts';
import { emailAddress } from '../http/email-address.ts';
import { newPassword, urlTemplate, verificationCode } from '../users/users.schema.ts';

const ignoredOrgId = ignoredField('a password belongs to the user, not to an organization.', '118273645546213376');

/** The current password. Only the length is checked, because the password may be older than the present rules. */
export const currentPassword = text({ max: 1000 }).meta({
  description: 'The current password of the caller. It may be absent if the session has fresh authentication.',
  examples: ['Password@123JonDoeInc'],
});

export const requestPasswordReset = z
  .strictObject({
    email: emailAddress,
    resetUrl: optional(
      urlTemplate(
        'URL template of the link in the mail, with {{code}} and {{email}}. Default: the setting of the app.',
        'https://app.example.com/reset?code={{code}}&email={{email}}',
      ),
    ),
    orgId: ignoredOrgId,
  })
  .meta({ id: 'RequestPasswordResetRequest', description: 'The account whose password is to be reset.' });

export const passwordResetRequested = z
  .object({ message: message('If the account exists, an email has been sent') })
  .meta({ id: 'RequestPasswordResetResult', description: 'The same text, whether or not the account exists.' });

export const resetPassword = z
  .strictObject({ email: emailAddress, verificationCode, newPassword, orgId: ignoredOrgId })
  .meta({ id: 'ResetPasswordRequest', description: 'The code from the mail and the new password.' });

export const changePassword = z
  .strictObject({ currentPassword: optional(currentPassword), newPassword })
  .meta({ id: 'ChangePasswordRequest', description: 'The current and the new password.' });

export const passwordUpdated = z
  .object({ message: message('Password updated') })
  .meta({ id: 'PasswordUpdatedResult', description: 'The password is changed.' });
