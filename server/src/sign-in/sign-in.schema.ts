import { z } from 'zod';
import { emailAddress } from '../http/email-address.ts';
import { optional, text } from '../http/fields.ts';
import { verificationCode } from '../users/users.schema.ts';

export const signIn = z
  .strictObject({
    email: emailAddress,
    password: optional(text({ max: 1000 })).meta({
      description: 'The password.',
      examples: ['Password@123JonDoeInc'],
    }),
    verificationCode: optional(verificationCode),
  })
  .refine(({ password, verificationCode: code }) => (password === undefined) !== (code === undefined), {
    error: 'Send exactly one of password, verificationCode.',
    path: ['password'],
  })
  .transform(({ email, password, verificationCode: code }) =>
    code === undefined
      ? ({ by: 'password', email, password: password ?? '' } as const)
      : ({ by: 'code', email, verificationCode: code } as const),
  )
  .meta({
    id: 'SignInRequest',
    oneOf: [{ required: ['password'] }, { required: ['verificationCode'] }],
    examples: [
      { email: 'jon@example.com', password: 'Password@123JonDoeInc' },
      { email: 'jon@example.com', verificationCode: 'K7M2QXA' },
    ],
    description: 'E-mail address, and the password or the code of a mail.',
  });
