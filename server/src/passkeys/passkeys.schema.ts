import { z } from 'zod';
import { optional, text } from '../http/fields.ts';

const bytes = (what: string, max: number, example: string) =>
  text({ min: 1, max })
    .refine((value) => /^[A-Za-z0-9_-]+$/.test(value), { error: 'Must be base64url without padding.' })
    .meta({ description: `${what}, in base64url.`, examples: [example] });

const credentialIdExample = 'K0sWnbFz3dH1eB5mT7vXgA';
const credentialId = bytes('Id of the credential', 1364, credentialIdExample);
const type = z
  .literal('public-key', { error: 'Must be public-key.' })
  .meta({ description: 'Always `public-key`.', examples: ['public-key'] });
const clientDataJSON = bytes('The client data, which contain the challenge and the origin', 8192, 'eyJ0eXBlIjoid2Vi');
const transport = text({ max: 30 }).meta({ description: 'A transport.', examples: ['internal'] });

// These schemas are not strict, because browsers add members to these objects of WebAuthn.
/** A credential as `PublicKeyCredential.toJSON()` returns it after a registration. */
export const registrationCredential = z
  .object({
    id: credentialId,
    rawId: credentialId,
    type,
    response: z
      .object({
        clientDataJSON,
        // No attestation is requested, so responses have less than 2,000. The length limits the work of the decoder.
        attestationObject: bytes('The attestation object', 16_384, 'o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVi'),
        transports: optional(z.array(transport).max(20, { error: 'At most 20.' })).meta({
          description: 'How the browser can reach the authenticator.',
          examples: [['internal', 'hybrid']],
        }),
      })
      .meta({
        description: 'The response of the authenticator.',
        examples: [
          { clientDataJSON: 'eyJ0eXBlIjoid2Vi', attestationObject: 'o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YVi' },
        ],
      }),
  })
  .meta({
    id: 'RegistrationCredential',
    description:
      'The result of `navigator.credentials.create`, as `toJSON()` returns it (RegistrationResponseJSON of ' +
      'WebAuthn). Other members are ignored.',
  });

export type RegistrationCredential = z.output<typeof registrationCredential>;

const assertionExample = {
  clientDataJSON: 'eyJ0eXBlIjoid2Vi',
  authenticatorData: 'SZYN5YgOjGh0NBcPZHZgW4',
  signature: 'MEUCIQDl5cBzVb2',
};

const assertionObject = z.object({
  id: credentialId,
  rawId: credentialId,
  type,
  response: z
    .object({
      clientDataJSON,
      authenticatorData: bytes('The authenticator data', 4096, 'SZYN5YgOjGh0NBcPZHZgW4'),
      signature: bytes('The signature', 4096, 'MEUCIQDl5cBzVb2'),
      userHandle: optional(bytes('The user handle', 100, 'AaQSGCy0AAEBpBIYLLQAAg')),
    })
    .meta({ description: 'The response of the authenticator.', examples: [assertionExample] }),
});

const assertionMeta = {
  description:
    'The result of `navigator.credentials.get`, as `toJSON()` returns it (AuthenticationResponseJSON of WebAuthn). ' +
    'Other members are ignored.',
  examples: [{ id: credentialIdExample, rawId: credentialIdExample, type: 'public-key', response: assertionExample }],
};

/** A credential as `PublicKeyCredential.toJSON()` returns it after an authentication. */
export const assertion = assertionObject.meta({ id: 'PasskeyAssertion', ...assertionMeta });

/** A credential after an authentication, in a request that can contain another factor instead. */
export const optionalAssertion = optional(assertionObject).meta(assertionMeta);

export type Assertion = z.output<typeof assertion>;

/** A new credential. The authenticator's claims about itself are not verified, because no attestation is requested. */
export interface NewCredential {
  readonly credentialId: Buffer;
  readonly publicKey: Buffer;
  readonly counter: number;
  readonly aaguid: string;
  readonly transports: readonly string[];
  readonly isBackupEligible: boolean;
  readonly isBackedUp: boolean;
  readonly isUserVerified: boolean;
}

/** The result of the authenticator. */
export interface Proof {
  readonly counter: number;
  readonly isBackedUp: boolean;
  readonly isUserVerified: boolean;
}

/** A registered credential, for the browser. */
export interface Descriptor {
  readonly credentialId: Buffer;
  readonly transports: readonly string[];
}

const challenge = bytes(
  'The challenge: valid for five minutes, and once',
  100,
  '3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
);
const timeout = z.int().meta({ description: 'Time for the person, in milliseconds.', examples: [300_000] });

const descriptor = z
  .object({
    type,
    id: credentialId,
    transports: z
      .array(transport)
      .optional()
      .meta({ description: 'How the browser can reach the authenticator.', examples: [['internal']] }),
  })
  .meta({ id: 'PasskeyDescriptor', description: 'A registered credential.' });

const creationOptions = z
  .object({
    rp: z
      .object({
        id: z.string().meta({ description: 'The domain of the passkey.', examples: ['example.com'] }),
        name: z.string().meta({ description: 'Name of the app.', examples: ['Demo'] }),
      })
      .meta({ description: 'The relying party.', examples: [{ id: 'example.com', name: 'Demo' }] }),
    user: z
      .object({
        id: bytes('The user handle: the app and the user, without personal data', 100, 'AaQSGCy0AAEBpBIYLLQAAg'),
        name: z.string().meta({ description: 'The e-mail address.', examples: ['jon@example.com'] }),
        displayName: z.string().meta({ description: 'The name of the person.', examples: ['Jon Doe'] }),
      })
      .meta({
        description: 'The account, as the authenticator shows it.',
        examples: [{ id: 'AaQSGCy0AAEBpBIYLLQAAg', name: 'jon@example.com', displayName: 'Jon Doe' }],
      }),
    challenge,
    pubKeyCredParams: z
      .array(
        z
          .object({ type, alg: z.int().meta({ description: 'Algorithm (COSE).', examples: [-7] }) })
          .meta({ description: 'An accepted algorithm.', examples: [{ type: 'public-key', alg: -7 }] }),
      )
      .meta({ description: 'The accepted algorithms.', examples: [[{ type: 'public-key', alg: -7 }]] }),
    timeout,
    excludeCredentials: z
      .array(descriptor)
      .meta({ description: 'The passkeys that the person has already.', examples: [[]] }),
    authenticatorSelection: z
      .object({
        residentKey: z.literal('preferred').meta({ description: 'Discoverable if possible.', examples: ['preferred'] }),
        requireResidentKey: z.literal(false).meta({ description: 'Always false.', examples: [false] }),
        userVerification: z
          .literal('preferred')
          .meta({ description: 'PIN or biometrics if possible.', examples: ['preferred'] }),
      })
      .meta({
        description: 'Demands on the authenticator.',
        examples: [{ residentKey: 'preferred', requireResidentKey: false, userVerification: 'preferred' }],
      }),
    attestation: z.literal('none').meta({ description: 'No attestation is verified.', examples: ['none'] }),
  })
  .meta({
    id: 'PasskeyCreationOptions',
    description: 'For `PublicKeyCredential.parseCreationOptionsFromJSON` (PublicKeyCredentialCreationOptionsJSON).',
  });

const requestOptions = z
  .object({
    rpId: z.string().meta({ description: 'The domain of the passkey.', examples: ['example.com'] }),
    challenge,
    timeout,
    userVerification: z
      .enum(['required', 'preferred'])
      .meta({ description: 'required: the passkey is the only factor.', examples: ['required'] }),
    allowCredentials: z
      .array(descriptor)
      .meta({ description: 'The usable passkeys. Empty: the person chooses one of the device.', examples: [[]] }),
  })
  .meta({
    id: 'PasskeyRequestOptions',
    description: 'For `PublicKeyCredential.parseRequestOptionsFromJSON` (PublicKeyCredentialRequestOptionsJSON).',
  });

export const passkeyCreationOptions = z
  .object({ publicKey: creationOptions })
  .meta({ id: 'CreatePasskeyOptionsResult', description: 'Options for `navigator.credentials.create`.' });

export const passkeyRequestOptions = z
  .object({ publicKey: requestOptions })
  .meta({ id: 'PasskeyOptionsResult', description: 'Options for `navigator.credentials.get`.' });
