import { z } from 'zod';
import {
  familyNameOrNone,
  id,
  ignoredField,
  message,
  metadata,
  metadataPatch,
  optional,
  outputId,
  personName,
  queryFlag,
  text,
  time,
} from '../http/fields.ts';
import { mailLanguages } from '../mail-texts/words.ts';
import { emailAddress } from '../http/email-address.ts';
import { authentication, provenFactors } from '../access/authentication.schema.ts';
import { stepUpRequired } from './step-up.schema.ts';

export const firstName = personName('Given name.', 'Jon');
export const lastName = personName('Family name.', 'Doe');
export const lastNameOrNone = familyNameOrNone('Family name.', 'Doe');

export const phoneNumber = z
  .string({ error: 'Must be a string.' })
  .regex(/^\+[1-9][0-9]{6,14}$/, { error: 'Must be an international number such as +4915112345678.' })
  .meta({ description: 'Phone number. E.164: + and 7 to 15 digits.', examples: ['+4915112345678'] });

/** Bounds the work of hashing. The password policy checks the real limit and explains it in words. */
export const newPassword = text({ max: 1000 }).meta({
  // A loose bound on the length, which limits the time of normalization. The password policy refuses weak passwords.
  minLength: 10,
  maxLength: 128,
  description: 'Password: 10 to 128 characters, not a common one, not the e-mail address or the name.',
  examples: ['Password@123JonDoeInc'],
});

export const language = z
  .enum(mailLanguages, { error: 'Must be en or ar.' })
  .meta({ description: 'Language of mails to this user.', examples: ['en'] });

/** Bounds the work. The check of the redirect URL applies the real limit. */
export const urlTemplate = (what: string, example: string) =>
  text({ min: 1, max: 262_144 }).meta({ description: what, maxLength: 2000, examples: [example] });

const verificationUrl = urlTemplate(
  'URL template of the link in the mail, with {{code}}, {{userId}} and {{sessionToken}}. Default: the setting of ' +
    'the app.',
  'https://app.example.com/verify?code={{code}}&userId={{userId}}',
);

export const signUp = z
  .strictObject({
    firstName,
    lastName,
    email: emailAddress,
    password: newPassword,
    phoneNumber: optional(phoneNumber),
    metadata: optional(metadata('user')),
    verificationUrl: optional(verificationUrl),
    language: optional(language),
    orgId: ignoredField('people join organizations by invitation.', '118273645546213376'),
  })
  .meta({ id: 'SignUpRequest', description: 'A new user.' });

const userId = outputId('the user', '118273645546213377');

const person = {
  firstName: z.string().meta({ description: 'Given name.', examples: ['Jon'] }),
  lastName: z.string().meta({ description: 'Family name.', examples: ['Doe'] }),
  displayName: z.string().meta({ description: 'Given and family name.', examples: ['Jon Doe'] }),
  phoneNumber: z
    .string()
    .nullable()
    .optional()
    .meta({ description: 'Phone number. E.164.', examples: ['+4915112345678'] }),
  email: z.string().meta({ description: 'E-mail address.', examples: ['jon.doe@example.com'] }),
  isEmailVerified: z.boolean().meta({ description: 'Whether the e-mail address is verified.', examples: [true] }),
  isEmailClaimed: z.boolean().meta({
    description:
      'Whether the owner of the account has shown that the address is theirs. Roles are granted to the address ' +
      'directly only if it is verified and claimed.',
    examples: [true],
  }),
  isPhoneVerified: z
    .boolean()
    .optional()
    .meta({ description: 'Whether the phone number is verified.', examples: [false] }),
  metadata: metadata('user').optional(),
};

const userState = z.enum(['ACTIVE', 'INACTIVE', 'INVITED']).meta({
  description: 'ACTIVE; INACTIVE: deactivated; INVITED: has not accepted an invitation yet.',
  examples: ['ACTIVE'],
});

export const user = z
  .object({ id: userId, ...person, userState })
  .meta({ id: 'User', description: 'A user. Owners and managers get no phone number and no metadata.' });

export const membership = z
  .object({
    id: outputId('the organization'),
    name: z.string().meta({ description: 'Name of the organization.', examples: ['Acme'] }),
    status: z.enum(['Active', 'Inactive']).meta({ description: 'Status of the organization.', examples: ['Active'] }),
    roles: z.array(z.string()).meta({ description: 'Roles held there.', examples: [['reader']] }),
    managerRoles: z
      .array(z.enum(['ORG_OWNER', 'ORG_USER_MANAGER']))
      .meta({ description: 'Manager roles in the organization.', examples: [['ORG_OWNER']] }),
    permissions: z
      .array(z.string())
      .meta({ description: 'Permissions that the roles give.', examples: [['documents:write']] }),
    permissionsTruncated: z
      .literal(true)
      .optional()
      .meta({
        description:
          'Present if `permissions` is empty because the permissions of all organizations are larger than 1 MiB. Use ' +
          'the permission check, and never allow everything.',
        examples: [true],
      }),
    stepUpRequired,
  })
  .meta({ id: 'Membership', description: 'The roles of a user in an organization.' });

export const me = z
  .object({
    userId,
    state: userState,
    ...person,
    session: z
      .object({
        id: outputId('the session'),
        createdAt: time('When it began'),
        expiresAt: time('When it ends at the latest'),
        ...authentication,
        ...provenFactors,
      })
      .meta({ description: 'The session of this call.' }),
    organizations: z
      .array(membership)
      .optional()
      .meta({ description: 'Organizations of the user, at most 100.', examples: [[]] }),
    isSuperAdmin: z
      .boolean()
      .optional()
      .meta({
        description: 'Whether the user is a super admin of the app. Present with `organizations`.',
        examples: [false],
      }),
    organizationsTruncated: z
      .boolean()
      .optional()
      .meta({ description: 'True if there are more organizations; otherwise absent.', examples: [true] }),
  })
  .meta({ id: 'Me', description: 'The signed-in user and the session of the call.' });

export const meQuery = z.strictObject({
  includeMetadata: queryFlag('Whether to add the metadata of the user.'),
  includeOrganizations: queryFlag('Whether to add the organizations with roles and permissions.'),
  organizationId: id
    .optional()
    .meta({ description: 'Restricts the result to this organization.', examples: ['118273645546213376'] }),
});

export const userParams = z.strictObject({
  userId: id.meta({ description: 'Id of the user.', examples: ['118273645546213377'] }),
});

export const userQuery = z.strictObject({ includeMetadata: queryFlag('Whether to add the metadata of the user.') });

export const updateUser = z
  .strictObject({
    firstName: firstName.optional(),
    lastName: lastNameOrNone.optional(),
    phoneNumber: phoneNumber.nullable().optional(),
    metadata: metadataPatch('user').optional(),
    language: language.nullable().optional(),
  })
  .meta({
    id: 'UpdateUserRequest',
    description: 'Changes to a user; absent fields stay unchanged, null clears a field.',
  });

export type UserPatch = Readonly<z.output<typeof updateUser>>;

export const userUpdated = z
  .object({ message: message('User updated') })
  .meta({ id: 'UpdateUserResult', description: 'The user is updated.' });

export const requestVerification = z
  .strictObject({
    userId: userParams.shape.userId,
    verificationUrl: optional(verificationUrl),
  })
  .meta({ id: 'RequestEmailVerificationRequest', description: 'The user whose address will be verified.' });

export const verificationRequested = z
  .object({ message: message('Verification email sent') })
  .meta({ id: 'RequestEmailVerificationResult', description: 'The mail is on its way.' });

export const verificationCode = text({ min: 1, max: 100 }).meta({
  description:
    'The code from the mail: the short code with 7 letters and digits, or the long code from the link with 26. ' +
    'Case, spaces, dashes and invisible characters are ignored.',
  examples: ['K7M2QXA'],
});

export const verifyEmail = z
  .strictObject({
    userId: userParams.shape.userId,
    verificationCode,
    currentPassword: optional(text({ max: 1000 })).meta({
      description:
        'The password of the account. With the password, a caller who presents the token of the mail claims the ' +
        'account.',
      examples: ['Password@123JonDoeInc'],
    }),
  })
  .meta({
    id: 'VerifyEmailRequest',
    description: 'The code from the mail, and optionally the password of the account.',
  });

export const emailVerified = z
  .object({ message: message('Email verified') })
  .meta({ id: 'VerifyEmailResult', description: 'The address is verified.' });
