import { z } from 'zod';
import { optional, text } from '../http/fields.ts';
import { factorId, recoveryCode, totpCode } from '../factors/factors.schema.ts';

export const finishSignIn = z
  .strictObject({
    mfaToken: text({ min: 1, max: 200 }).meta({
      description: 'The token of the response `mfa_required`. Valid for ten minutes, and only on the same device.',
      examples: ['gh_f_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    }),
    factorId: optional(factorId),
    code: optional(totpCode),
    recoveryCode: optional(recoveryCode),
  })
  .refine(
    (body) =>
      (body.factorId === undefined) === (body.code === undefined) &&
      (body.code === undefined) !== (body.recoveryCode === undefined),
    { error: 'Send either factorId and code, or recoveryCode.' },
  )
  .transform(({ mfaToken, factorId: id = '', code = '', recoveryCode: recovery }) => ({
    mfaToken,
    factor:
      recovery === undefined
        ? ({ by: 'totp', factorId: id, code } as const)
        : ({ by: 'recovery-code', recoveryCode: recovery } as const),
  }))
  .meta({
    id: 'FinishSignInRequest',
    oneOf: [{ required: ['factorId', 'code'] }, { required: ['recoveryCode'] }],
    examples: [
      { mfaToken: 'gh_f_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', factorId: '118273645546213376', code: '287082' },
    ],
    description: 'The token of the sign-in and the second factor, or a recovery code.',
  });
