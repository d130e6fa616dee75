import { z } from 'zod';
import { idOf, message, optional, outputId, text, time, visibleName } from '../http/fields.ts';
import { registrationCredential } from '../passkeys/passkeys.schema.ts';
import { verificationCode } from '../users/users.schema.ts';
import type { Factor } from './factors.store.ts';

/** The number of factors that a user can have. */
export const mostFactors = 10;

const factorName = visibleName({ max: 100 }).meta({
  description: 'Name of the factor, by which its owner recognizes it.',
  examples: ['Phone'],
});

/** The code of an authenticator app, as typed. */
export const totpCode = text({ min: 1, max: 100 }).meta({
  description:
    'The present code of the authenticator app, six digits, or the code of the mail. Spaces and dashes are ignored.',
  examples: ['287082'],
});

export const recoveryCode = text({ min: 1, max: 100 }).meta({
  description: 'An unused recovery code. Case, spaces and dashes are ignored.',
  examples: ['K7PQ2X-MHB4T8-V9WNRC'],
});

export const factorId = idOf('the second factor');
export const factorParams = z.strictObject({ factorId });

const passkeyProperties = z
  .object({
    isBackupEligible: z.boolean().meta({
      description: 'Whether it can be synchronized to other devices. false: it exists on one device only.',
      examples: [true],
    }),
    isBackedUp: z.boolean().meta({ description: 'Whether it is synchronized.', examples: [true] }),
    transports: z
      .array(z.string().meta({ description: 'A transport.', examples: ['internal'] }))
      .meta({ description: 'How browsers reach the authenticator.', examples: [['internal', 'hybrid']] }),
    aaguid: z.string().meta({
      description: 'Id of the model of the authenticator, as the authenticator names it; zeros: unknown.',
      examples: ['fbfc3007-154e-4ecc-8c0b-6e020557d7bd'],
    }),
    counterRegressedAt: time('When the signature counter last decreased, which can mean a copied passkey').nullable(),
  })
  .meta({ id: 'PasskeyProperties', description: 'For `kind` passkey: its properties.' });

const factor = z
  .object({
    id: outputId('the second factor'),
    kind: z.enum(['totp', 'passkey']).meta({
      description: 'totp: an authenticator app (RFC 6238). passkey: a credential of WebAuthn.',
      examples: ['totp'],
    }),
    name: z.string().meta({ description: 'Name of the factor.', examples: ['Phone'] }),
    createdAt: time('When it was added'),
    lastUsedAt: time('When it was last used').nullable(),
    passkey: passkeyProperties.optional(),
  })
  .meta({ id: 'Factor', description: 'A second factor.' });

export const toFactorBody = ({ createdAt, lastUsedAt, passkey, ...rest }: Factor) => ({
  ...rest,
  createdAt: createdAt.toISOString(),
  lastUsedAt: lastUsedAt?.toISOString() ?? null,
  ...(passkey && {
    passkey: {
      ...passkey,
      transports: [...passkey.transports],
      counterRegressedAt: passkey.counterRegressedAt?.toISOString() ?? null,
    },
  }),
});

const recoveryCodes = z.array(z.string()).meta({
  description: 'Ten codes, each of which can be used once instead of a second factor. Shown only here.',
  examples: [['K7PQ2X-MHB4T8-V9WNRC']],
});

const count = (what: string, example: number) => z.int().meta({ description: what, examples: [example] });

export const factorList = z
  .object({
    factors: z.array(factor).meta({ description: 'The confirmed factors, oldest first.', examples: [[]] }),
    recoveryCodes: z
      .object({ total: count('Number of recovery codes.', 10), unused: count('Number of unused recovery codes.', 9) })
      .meta({ description: 'The recovery codes, without the codes.', examples: [{ total: 10, unused: 9 }] }),
  })
  .meta({ id: 'FactorList', description: 'The second factors of the caller.' });

export const addTotp = z
  .strictObject({ name: optional(factorName) })
  .meta({ id: 'AddTotpFactorRequest', description: 'The name of the new factor.' });

export const totpAdded = z
  .object({
    id: outputId('the second factor'),
    secret: z.string().meta({
      description: 'The secret in base32, for people who type it. Shown only here.',
      examples: ['GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'],
    }),
    uri: z.string().meta({
      description: 'The address for authenticator apps, which contains the secret.',
      examples: [
        'otpauth://totp/Acme:jon%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme&digits=6&period=30',
      ],
    }),
    qrCode: z.string().meta({
      description: 'The address as a QR code: an SVG image.',
      examples: ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 57 57">…</svg>'],
    }),
  })
  .meta({ id: 'AddTotpFactorResult', description: 'An authenticator app, to be confirmed.' });

export const confirmFactor = z
  .strictObject({
    code: totpCode,
    verificationCode: optional(verificationCode).meta({
      description:
        'For the first factor, after a sign-in with a password: the code of `POST ' +
        '…/users/me/reauthentication-request`, because the password alone must not be enough to add the factor.',
      examples: ['K7M2QXA'],
    }),
  })
  .meta({
    id: 'ConfirmFactorRequest',
    description: 'The present code of the authenticator app.',
    examples: [{ code: '287082' }],
  });

export const addPasskey = z
  .strictObject({
    credential: registrationCredential,
    name: optional(factorName),
    verificationCode: optional(verificationCode).meta({
      description:
        'For the first factor, after a sign-in with a password: the code of `POST ' +
        '…/users/me/reauthentication-request`, because the password alone must not be enough to add the factor.',
      examples: ['K7M2QXA'],
    }),
  })
  .meta({ id: 'AddPasskeyRequest', description: 'The new credential, as the browser returns it.' });

export const factorConfirmed = factor
  .extend({ recoveryCodes: recoveryCodes.optional() })
  .meta({ id: 'ConfirmFactorResult', description: 'The factor; with the first one also recovery codes.' });

export const passkeyAdded = factor
  .extend({ recoveryCodes: recoveryCodes.optional() })
  .meta({ id: 'AddPasskeyResult', description: 'The passkey; with the first factor also recovery codes.' });

export const updateFactor = z
  .strictObject({ name: factorName })
  .meta({ id: 'UpdateFactorRequest', description: 'The new name.' });

export const factorUpdated = factor.meta({ id: 'UpdateFactorResult', description: 'The factor.' });

export const recoveryCodesMade = z
  .object({ recoveryCodes })
  .meta({ id: 'CreateRecoveryCodesResult', description: 'New recovery codes; the earlier ones are void.' });

export const factorsReset = z
  .object({
    message: message('Second factors removed'),
    effectiveAt: time('When the factors are removed: now, or after the waiting time'),
  })
  .meta({ id: 'ResetUserFactorsResult', description: 'The factors of the user are removed, or will be.' });
