import { z } from 'zod';
import { message, optional, outputId, time } from '../http/fields.ts';
import { shownIntent } from '../federation/intents.schema.ts';
import { factorId, totpCode } from '../factors/factors.schema.ts';
import { optionalAssertion } from '../passkeys/passkeys.schema.ts';
import { currentPassword } from '../accounts/passwords.schema.ts';
import { verificationCode } from '../users/users.schema.ts';

const { intentId, idpToken, intentToken, codeVerifier } = shownIntent;

const proofs = ['currentPassword', 'verificationCode', 'intentId', 'factorId', 'assertion'] as const;

export const reauthenticate = z
  .strictObject({
    currentPassword: optional(currentPassword),
    verificationCode: optional(verificationCode),
    intentId: optional(intentId),
    idpToken: optional(idpToken),
    intentToken: optional(intentToken),
    codeVerifier: optional(codeVerifier),
    factorId: optional(factorId),
    code: optional(totpCode),
    assertion: optionalAssertion,
  })
  .refine((body) => proofs.filter((name) => body[name] !== undefined).length === 1, {
    error: 'Send exactly one of currentPassword, verificationCode, intentId, factorId, assertion.',
  })
  .refine(({ factorId: id, code }) => (id === undefined) === (code === undefined), {
    error: 'With factorId, send code; otherwise do not.',
    path: ['code'],
  })
  .refine(
    ({ intentId: id, idpToken: token, intentToken: same, codeVerifier: verifier }) =>
      id === undefined
        ? token === undefined && same === undefined && verifier === undefined
        : (token === undefined) !== (same === undefined) && verifier !== undefined,
    {
      error: 'With intentId, send idpToken (or intentToken) and codeVerifier; otherwise send none of them.',
      path: ['idpToken'],
    },
  )
  .transform(({ currentPassword: password, verificationCode: mailed, intentId: id, ...rest }) => {
    if (password !== undefined) return { by: 'password', password } as const;
    if (mailed !== undefined) return { by: 'code', code: mailed } as const;
    if (rest.factorId !== undefined) {
      return { by: 'factor', factor: { by: 'totp', factorId: rest.factorId, code: rest.code ?? '' } } as const;
    }
    if (rest.assertion) return { by: 'factor', factor: { by: 'passkey', assertion: rest.assertion } } as const;
    const token = rest.idpToken ?? rest.intentToken ?? '';
    return {
      by: 'provider',
      intent: { intentId: id ?? '', idpToken: token, codeVerifier: rest.codeVerifier },
    } as const;
  })
  .meta({
    id: 'ReauthenticateRequest',
    oneOf: [
      { required: ['currentPassword'] },
      { required: ['verificationCode'] },
      { required: ['intentId', 'codeVerifier'] },
      { required: ['factorId', 'code'] },
      { required: ['assertion'] },
    ],
    examples: [{ currentPassword: 'Password@123JonDoeInc' }, { verificationCode: 'K7M2P9Q' }],
    description:
      'One of: the current password, a mailed code, the result of a sign-in with a linked provider, or a second ' +
      'factor.',
  });

export const reauthenticated = z
  .object({
    message: message('Authentication renewed'),
    sessionId: outputId('the session'),
    authenticatedAt: time('When the session was last authenticated'),
  })
  .meta({ id: 'ReauthenticateResult', description: 'The session is fresh.' });

export const reauthenticationRequested = z
  .object({ message: message('Verification email sent') })
  .meta({ id: 'RequestReauthenticationResult', description: 'The mail is on its way.' });
