import { z } from 'zod';
import { idOf, optional, outputId, s256Challenge, text } from '../http/fields.ts';
import { startedSession } from '../sessions/sessions.schema.ts';

const intentExample = '118273645546213381';

const redirect = (what: string, example: string) =>
  text({ min: 1, max: 2000 }).meta({
    description: `${what} One of the app’s redirect URLs.`,
    examples: [example],
  });
const successUrl = redirect(
  'Where the browser goes afterwards, with `intentId` and `intentToken` in the query.',
  'https://app.example.com/signed-in',
);
const failureUrl = redirect(
  'Where the browser goes after a failure, with `intentId`, `error` and `error_description`.',
  'https://app.example.com/sign-in',
);

const isOneForm = (body: { urls?: unknown; successUrl?: unknown; failureUrl?: unknown }): boolean =>
  body.urls === undefined
    ? body.successUrl !== undefined && body.failureUrl !== undefined
    : body.successUrl === undefined && body.failureUrl === undefined;

export const createIntent = z
  .strictObject({
    idpId: idOf('the identity provider', '118273645546213380'),
    successUrl: optional(successUrl),
    failureUrl: optional(failureUrl),
    urls: optional(z.strictObject({ successUrl, failureUrl })).meta({
      description: 'The two URLs, instead of the fields of the same names.',
      examples: [{ successUrl: 'https://app.example.com/signed-in', failureUrl: 'https://app.example.com/sign-in' }],
    }),
    codeChallenge: optional(s256Challenge).meta({
      description:
        'SHA-256 of a secret of the client in base64url (RFC 7636, S256): the result of the sign-in can be ' +
        'used only with the secret.',
      examples: ['E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'],
    }),
    reauthenticate: optional(z.boolean()).meta({
      description:
        'Creates an intent that only re-authenticates a session (`POST ' +
        '/v1/authentication/users/me/reauthentication`); it can neither sign in nor link. The provider must ' +
        'authenticate the person again (`max_age=0`). Requires `codeChallenge`.',
      examples: [false],
    }),
  })
  .refine(({ reauthenticate, codeChallenge }) => reauthenticate !== true || codeChallenge !== undefined, {
    error: 'Required to re-authenticate.',
    path: ['codeChallenge'],
  })
  .refine(isOneForm, { error: 'Send successUrl and failureUrl, or urls with both.', path: ['successUrl'] })
  .transform(({ urls, successUrl: success = '', failureUrl: failure = '', reauthenticate = false, ...rest }) => ({
    ...rest,
    reauthenticates: reauthenticate,
    ...(urls ?? { successUrl: success, failureUrl: failure }),
  }))
  .meta({
    id: 'CreateIntentRequest',
    description: 'The start of a sign-in with a provider.',
    oneOf: [{ required: ['successUrl', 'failureUrl'] }, { required: ['urls'] }],
    examples: [
      {
        idpId: '118273645546213380',
        successUrl: 'https://app.example.com/signed-in',
        failureUrl: 'https://app.example.com/sign-in',
        codeChallenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      },
    ],
  });

export const intentCreated = z
  .object({
    intentId: outputId('the intent', intentExample),
    authUrl: z.string().meta({
      description: 'URL to which to send the browser next.',
      examples: [`https://iam.example.com/idps/start/${intentExample}`],
    }),
  })
  .meta({
    id: 'CreateIntentResult',
    description: 'The intent. It is valid for ten minutes, for one browser and one use.',
  });

const tokenExample = 'gh_i_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
const secret = (what: string, example: string) => text({ max: 500 }).meta({ description: what, examples: [example] });

/** Fields of the request that redeem an intent. */
export const shownIntent = {
  intentId: text({ max: 100 }).meta({ description: 'Id of the intent.', examples: [intentExample] }),
  idpToken: secret('The `intentToken` of the success URL.', tokenExample),
  intentToken: secret(
    'The same value as `idpToken`, under its name in the success URL. Send one of the two.',
    tokenExample,
  ),
  codeVerifier: secret(
    'The secret that belongs to `codeChallenge`; required if and only if the intent was created with one.',
    'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  ),
};

export const validateIntent = z
  .strictObject({
    intentId: shownIntent.intentId,
    idpToken: optional(shownIntent.idpToken),
    intentToken: optional(shownIntent.intentToken),
    codeVerifier: optional(shownIntent.codeVerifier),
  })
  .refine(({ idpToken, intentToken }) => (idpToken === undefined) !== (intentToken === undefined), {
    error: 'Send idpToken, or intentToken instead.',
    path: ['idpToken'],
  })
  .transform(({ idpToken, intentToken, ...rest }) => ({ ...rest, idpToken: idpToken ?? intentToken ?? '' }))
  .meta({
    id: 'ValidateIntentRequest',
    description: 'The parameters of the success URL.',
    oneOf: [{ required: ['idpToken'] }, { required: ['intentToken'] }],
    examples: [
      {
        intentId: intentExample,
        idpToken: tokenExample,
        codeVerifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
      },
    ],
  });

export const intentValidated = startedSession
  .extend({
    isNewUser: z.boolean().meta({ description: 'Whether this call created the user.', examples: [false] }),
  })
  .meta({ id: 'ValidateIntentResult', description: 'The session and its user.' });

export const intentParams = z.strictObject({ intentId: idOf('the intent', intentExample) });
