import { z } from 'zod';
import { mailDelay } from '../email/mail-delay.schema.ts';
import { message, optional, outputId, time } from '../http/fields.ts';
import { pageMetadata, pagingQuery } from '../lists/pagination.ts';
import { emailAddress } from '../http/email-address.ts';
import { firstName, lastName, urlTemplate, user } from '../users/users.schema.ts';

export const superAdminListQuery = z.strictObject(pagingQuery);

const { id, email, firstName: givenName, lastName: familyName, displayName, userState } = user.shape;

const superAdmin = z
  .object({
    id,
    email,
    firstName: givenName,
    lastName: familyName,
    displayName,
    userState,
    invitedUntil: time('Expiry of the invitation; absent for super admins who have accepted').optional(),
    mail: mailDelay,
  })
  .meta({ id: 'SuperAdmin', description: 'A super admin of the app, or a user who is invited to become one.' });

export const superAdminList = z
  .object({
    metadata: pageMetadata,
    superAdmins: z.array(superAdmin).meta({
      description: 'Super admins and invited users, in the order in which the users were created.',
      examples: [[]],
    }),
  })
  .meta({ id: 'SuperAdminList', description: 'A page of super admins.' });

export const addSuperAdmin = z
  .strictObject({
    email: emailAddress.meta({ description: 'Address of the new super admin.', examples: ['ada@example.com'] }),
    firstName: optional(firstName),
    lastName: optional(lastName),
    resetUrl: optional(
      urlTemplate(
        'URL template of the link in the invitation mail, with {{code}} and {{email}}. The page must let the user ' +
          'choose a password. Default: the setting of the app.',
        'https://app.example.com/reset?code={{code}}&email={{email}}',
      ),
    ),
  })
  .meta({ id: 'AddSuperAdminRequest', description: 'The new super admin.' });

export const superAdminAdded = z
  .object({
    message: message('Super admin assigned'),
    userId: outputId('the user', '118273645546213377'),
    invited: z
      .boolean()
      .meta({ description: 'Whether the user was invited, because the account is not claimed.', examples: [false] }),
  })
  .meta({ id: 'AddSuperAdminResult', description: 'Granted or invited.' });
