import { z } from 'zod';
import { idOf, outputId, queryFlag, time } from '../http/fields.ts';

export const startedSession = z
  .object({
    sessionId: outputId('the session'),
    sessionToken: z.string().meta({
      description: 'Opaque token of the session; shown once. Send it as Bearer.',
      examples: ['gh_s_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    }),
    userId: outputId('the user', '118273645546213377'),
  })
  .meta({ id: 'StartedSession', description: 'A session that has just started.' });

/** How and when the person authenticated in a session. */
export const authentication = {
  amr: z
    .array(z.string())
    .meta({ description: 'Authentication methods of the session (RFC 8176).', examples: [['pwd', 'otp', 'mfa']] }),
  acr: z.literal([1, 2, 3]).meta({
    description:
      'Strength of the authentication. 1: one factor; 2: two factors; 3: a passkey that has verified the person by ' +
      'PIN or biometrics, which cannot be phished.',
    examples: [2],
  }),
  authenticatedAt: time('When the person last authenticated in the session'),
};

const session = z
  .object({
    id: outputId('the session'),
    createdAt: time('When it began'),
    lastSeenAt: time('When it was last used, to the minute'),
    expiresAt: time('When it ends unless it is used before'),
    userAgent: z
      .string()
      .nullable()
      .meta({ description: 'User agent that started it.', examples: ['Mozilla/5.0'] }),
    ip: z
      .string()
      .nullable()
      .meta({ description: 'Address that started it.', examples: ['203.0.113.7'] }),
    ...authentication,
    current: z.boolean().meta({ description: 'Whether the current call uses this session.', examples: [true] }),
  })
  .meta({ id: 'Session', description: 'A live session of a user.' });

export const sessionList = z
  .object({ sessions: z.array(session).meta({ description: 'Live sessions, oldest first.', examples: [[]] }) })
  .meta({ id: 'SessionList', description: 'Sessions of a user.' });

export const sessionParams = z.strictObject({ sessionId: idOf('the session') });
export const endSessionsQuery = z.strictObject({
  includeCurrent: queryFlag('Whether to end the session of this call as well.'),
});
