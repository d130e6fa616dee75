import { namedAppOf } from '../apps/named-app.ts';
import { overApp, overSession, overUser, publicAccessSettingCookie } from '../http/access.ts';
import { signedIn } from '../http/actor.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../http/mutate.ts';
import { type Call, route } from '../http/route.ts';
import { sha256 } from '../keys/secrets.ts';
import { emailKey } from '../users/email-address.ts';
import { findCredentials, lockCredentials, setPasswordHash } from '../users/users.store.ts';
import { endSessionsQuery, sessionList, sessionParams, signIn, startedSession, userParams } from './sessions.schema.ts';
import { deleteSession, deleteSessions, findSession, listSessions } from './sessions.store.ts';
import { clearSessionCookie, setSessionCookie, startSession } from './start-session.ts';

/** Unknown address, wrong password and invited user: the same work and the same answer. */
async function authenticateUser({ services, appId }: Call, body: { email: string; password: string }) {
  const found = await findCredentials(services.db, appId, emailKey(body.email));
  const matches = await services.passwords.verify(found?.passwordHash ?? null, body.password);
  if (!found?.passwordHash || !matches) throw new ApiError('invalid_credentials');
  if (found.state !== 'ACTIVE') throw new ApiError('user_inactive');
  const outdated = services.passwords.needsRehash(found.passwordHash);
  return { ...found, newHash: outdated ? await services.passwords.hash(body.password) : undefined };
}

async function sessionsOf({ services, appId, actor }: Call, userId: string) {
  const sessions = await listSessions(services.db, appId, userId, services.clock.now());
  return {
    sessions: sessions.map((session) => ({
      ...session,
      createdAt: session.createdAt.toISOString(),
      lastSeenAt: session.lastSeenAt.toISOString(),
      expiresAt: session.expiresAt.toISOString(),
      current: actor.kind === 'user' && actor.session.id === session.id,
    })),
  };
}

/** Ends sessions of a user; no event when there were none. */
function endSessions(call: Call, userId: string, exceptId?: string): Promise<void> {
  return mutate(call, async (tx) => {
    const ended = await deleteSessions(tx, call.appId, userId, exceptId);
    return { result: undefined, event: ended > 0 ? { target: { kind: 'user', id: userId } } : undefined };
  });
}

async function signOut(call: Call, sessionId: string): Promise<void> {
  await mutate(call, async (tx) => {
    if (!(await deleteSession(tx, call.appId, sessionId))) throw new ApiError('session_not_found');
    return { result: undefined, event: { target: { kind: 'session', id: sessionId } } };
  });
}

/** The tokens in this request's cookies that belong to the session which is about to end. */
async function cookieHolds(call: Call, sessionId: string): Promise<(token: string) => boolean> {
  const presented = [...(call.request.headers.cookie ?? '').matchAll(/=\s*"?(gh_s_[\w-]+)/g)].map(
    ([, token = '']) => token,
  );
  const { services, appId } = call;
  const found = await Promise.all(
    presented.slice(0, 10).map((token) => findSession(services.db, appId, sha256(token), services.clock.now())),
  );
  const ending = new Set(presented.filter((_, index) => found[index]?.session.id === sessionId));
  return (token) => ending.has(token);
}

export const sessionRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/sessions',
    operationId: 'signIn',
    tag: 'authentication',
    summary: 'Sign in',
    description:
      'Starts a session with e-mail address and password. The token is in the answer and in the cookie `session-token`.',
    access: publicAccessSettingCookie,
    audit: 'session.created',
    body: signIn,
    response: {
      status: 201,
      description: 'The session has begun.',
      body: startedSession,
      headers: { 'Set-Cookie': 'The session cookie.' },
    },
    errors: ['invalid_credentials', 'user_inactive', 'overloaded'],
    handler: async (call) => {
      const app = await namedAppOf(call);
      const user = await authenticateUser(call, call.body);
      const started = await mutate(call, async (tx) => {
        if (!(await lockCredentials(tx, app.id, user))) throw new ApiError('invalid_credentials');
        if (user.newHash) await setPasswordHash(tx, app.id, user.id, user.newHash);
        const session = await startSession(tx, call, app, { id: user.id, amr: ['pwd'] });
        const target = { kind: 'session', id: session.sessionId };
        return { result: session, event: { target, actor: { kind: 'user', id: user.id } } };
      });
      setSessionCookie(call, app, started.sessionToken);
      return { ...started, userId: user.id };
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authentication/users/sessions/:sessionId',
    operationId: 'signOut',
    tag: 'authentication',
    summary: 'Sign out',
    description:
      'Ends one session of the caller; its token fails from then on. The cookie is cleared if it held that session.',
    access: overSession('SESSION_OWNER'),
    audit: 'session.ended',
    params: sessionParams,
    response: { status: 204, description: 'The session has ended.' },
    handler: async (call) => {
      const isEnded = await cookieHolds(call, call.params.sessionId);
      await signOut(call, call.params.sessionId);
      clearSessionCookie(call, await namedAppOf(call), isEnded);
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authentication/users/me/sessions',
    operationId: 'listMySessions',
    tag: 'authentication',
    summary: 'List my sessions',
    description: 'The live sessions of the caller, oldest first.',
    access: overApp('SESSION_OWNER'),
    response: { status: 200, description: 'The sessions.', body: sessionList },
    handler: (call) => sessionsOf(call, signedIn(call.actor).user.id),
  }),

  route({
    method: 'DELETE',
    url: '/v1/authentication/users/me/sessions',
    operationId: 'endMySessions',
    tag: 'authentication',
    summary: 'End my other sessions',
    description: 'Ends every session of the caller but this one; with `includeCurrent=true` this one too.',
    access: overApp('SESSION_OWNER'),
    audit: 'user.sessions_ended',
    query: endSessionsQuery,
    response: { status: 204, description: 'The sessions have ended.' },
    handler: (call) => {
      const { user, session } = signedIn(call.actor);
      return endSessions(call, user.id, call.query.includeCurrent ? undefined : session.id);
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authentication/users/:userId/sessions',
    operationId: 'listUserSessions',
    tag: 'authentication',
    summary: "List a user's sessions",
    description: 'The live sessions of a user, oldest first.',
    access: overUser('SUPER_ADMIN', 'GENERIC_MACHINE_USER'),
    params: userParams,
    response: { status: 200, description: 'The sessions.', body: sessionList },
    handler: (call) => sessionsOf(call, call.params.userId),
  }),

  route({
    method: 'DELETE',
    url: '/v1/authentication/users/:userId/sessions',
    operationId: 'endUserSessions',
    tag: 'authentication',
    summary: "End a user's sessions",
    description: 'Ends every session of a user: their tokens fail from then on.',
    access: overUser('SUPER_ADMIN', 'GENERIC_MACHINE_USER'),
    audit: 'user.sessions_ended',
    params: userParams,
    response: { status: 204, description: 'The sessions have ended.' },
    handler: (call) => endSessions(call, call.params.userId),
  }),
];
