import { z } from 'zod';
import { emailAddress } from '../http/email-address.ts';
import { message, optional, text } from '../http/fields.ts';
import { type Assertion, assertion, optionalAssertion } from '../passkeys/passkeys.schema.ts';
import { factorId, recoveryCode, totpCode } from '../factors/factors.schema.ts';

const mfaToken = text({ min: 1, max: 200 }).meta({
  description: 'The token of the response `mfa_required`. Valid for ten minutes, and only on the same device.',
  examples: ['gh_f_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
});

export const passkeySecondFactor = z
  .strictObject({ mfaToken })
  .meta({ id: 'CreateSecondFactorPasskeyOptionsRequest', description: 'The token of the sign-in.' });

export const secondFactorCode = z
  .strictObject({ mfaToken })
  .meta({ id: 'SendSecondFactorCodeRequest', description: 'The token of the sign-in.' });

export const secondFactorCodeSent = z
  .object({ message: message('Verification email sent') })
  .meta({ id: 'SendSecondFactorCodeResult', description: 'The mail is on its way.' });

export const passkeyOptions = z.strictObject({ email: optional(emailAddress) }).meta({
  id: 'CreatePasskeyOptionsRequest',
  description: 'The e-mail address, if the person has named it.',
});

export const passkeySignIn = z
  .strictObject({ assertion })
  .meta({ id: 'SignInWithPasskeyRequest', description: 'The response of the authenticator.' });

/** The presented factor. Exactly one is in the body. */
function presentedFactor(body: {
  factorId?: string | undefined;
  code?: string | undefined;
  assertion?: Assertion | undefined;
  recoveryCode?: string | undefined;
}) {
  if (body.assertion) return { by: 'passkey', assertion: body.assertion } as const;
  if (body.recoveryCode !== undefined) return { by: 'recovery-code', recoveryCode: body.recoveryCode } as const;
  return { by: 'totp', factorId: body.factorId ?? '', code: body.code ?? '' } as const;
}

export const finishSignIn = z
  .strictObject({
    mfaToken,
    factorId: optional(factorId),
    code: optional(totpCode),
    assertion: optionalAssertion,
    recoveryCode: optional(recoveryCode),
    rememberDevice: optional(z.boolean({ error: 'Must be true or false.' })).meta({
      description:
        'Whether later sign-ins in this browser need no second factor for the days of the app setting ' +
        '`mfa.rememberDays`. Needs cookies. Ignored if the app remembers no devices, and with a recovery code.',
      examples: [true],
    }),
  })
  .refine(
    (body) =>
      (body.factorId === undefined) === (body.code === undefined) &&
      [body.code, body.assertion, body.recoveryCode].filter((proof) => proof !== undefined).length === 1,
    { error: 'Send one of: factorId and code, assertion, or recoveryCode.' },
  )
  .transform(({ mfaToken: token, rememberDevice = false, ...body }) => ({
    mfaToken: token,
    rememberDevice,
    factor: presentedFactor(body),
  }))
  .meta({
    id: 'FinishSignInRequest',
    oneOf: [{ required: ['factorId', 'code'] }, { required: ['assertion'] }, { required: ['recoveryCode'] }],
    examples: [
      { mfaToken: 'gh_f_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', factorId: '118273645546213376', code: '287082' },
    ],
    description: 'The token of the sign-in and the second factor, or a recovery code.',
  });
