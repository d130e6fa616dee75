import { z } from 'zod';
import { authentication } from '../access/authentication.schema.ts';
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

const session = z
  .object({
    id: outputId('the session'),
    createdAt: time('When it began'),
    lastSeenAt: time('When it was last used, to the minute'),
    expiresAt: time('When it expires, unless it is used before'),
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
