import { z } from 'zod';
import { s256Challenge, text, time } from '../http/fields.ts';

const returnTo = text({ min: 1, max: 2000 }).meta({
  description: 'The address of the product to which the browser returns. One of the app’s redirect URLs.',
  examples: ['https://app.example.com/signed-in'],
});

const codeMeta = {
  description: 'A code that can be exchanged once, within a minute.',
  examples: ['gh_x_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
};

export const createExchangeCode = z
  .strictObject({ returnTo, codeChallenge: s256Challenge })
  .meta({ id: 'CreateExchangeCodeRequest', description: 'The product that is to get a session.' });

export const exchangeCodeCreated = z
  .object({ code: z.string().meta(codeMeta), expiresAt: time('Until when it can be exchanged') })
  .meta({ id: 'CreateExchangeCodeResult', description: 'The code. Shown only here.' });

export const exchangeSession = z
  .strictObject({
    code: text({ min: 1, max: 100 }).meta(codeMeta),
    codeVerifier: text({ min: 43, max: 128 }).meta({
      description: 'The secret that belongs to the code challenge.',
      examples: ['dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'],
    }),
    returnTo,
  })
  .meta({ id: 'ExchangeSessionRequest', description: 'The code of the address, and what proves that it is meant.' });
