import { z } from 'zod';
import { idOf, optional, outputId, s256Challenge, text, time } from '../http/fields.ts';
import { startedSession } from '../sessions/sessions.schema.ts';

const returnTo = text({ min: 1, max: 2000 }).meta({
  description: 'The URL of the product to which the browser returns. One of the app’s redirect URLs.',
  examples: ['https://app.example.com/signed-in'],
});

const codeMeta = {
  description: 'A code that can be exchanged once, within a minute.',
  examples: ['gh_x_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
};

export const createExchangeCode = z
  .strictObject({
    returnTo,
    codeChallenge: s256Challenge,
    organizationId: optional(idOf('the organization that the person has chosen, of which they are a member')),
  })
  .meta({
    id: 'CreateExchangeCodeRequest',
    description: 'The URL of the product that gets a session, and the code challenge of the product.',
  });

export const exchangeCodeCreated = z
  .object({ code: z.string().meta(codeMeta), expiresAt: time('Until when it can be exchanged') })
  .meta({ id: 'CreateExchangeCodeResult', description: 'The code. Shown only here.' });

export const sessionExchanged = startedSession
  .extend({
    organizationId: outputId('the organization that the person has chosen; absent if there is none').optional(),
  })
  .meta({ id: 'ExchangeSessionResult', description: 'The session, and the organization to use it for.' });

export const exchangeSession = z
  .strictObject({
    code: text({ min: 1, max: 100 }).meta(codeMeta),
    codeVerifier: text({ min: 43, max: 128 }).meta({
      description: 'The secret that belongs to the code challenge.',
      examples: ['dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'],
    }),
    returnTo,
  })
  .meta({
    id: 'ExchangeSessionRequest',
    description: 'The code from the query, with the `returnTo` and the verifier to which the code is bound.',
  });
