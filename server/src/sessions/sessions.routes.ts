import { namedAppOf } from '../apps/named-app.ts';
import { accepting, overApp, overSession, overUser } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { requireUnrestricted } from '../access/restricted-sessions.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { lockWithinReach } from '../accounts/govern-user.ts';
import { userParams } from '../users/users.schema.ts';
import { lockActiveUser } from '../users/users.store.ts';
import { endSessionsQuery, sessionList, sessionParams } from './sessions.schema.ts';
import { listSessions } from './session-list.store.ts';
import { deleteSession, deleteSessions } from './sessions.store.ts';
import { clearSessionCookie } from './clear-session-cookie.ts';

async function sessionsOf({ services, appId, actor }: Call, userId: string) {
  const sessions = await listSessions(services.db, appId, userId, services.clock.now());
  return {
    sessions: sessions.map((session) => ({
      ...session,
      amr: [...session.amr],
      authenticatedAt: session.authenticatedAt.toISOString(),
      createdAt: session.createdAt.toISOString(),
      lastSeenAt: session.lastSeenAt.toISOString(),
      expiresAt: session.expiresAt.toISOString(),
      current: actor.kind === 'user' && actor.session.id === session.id,
    })),
  };
}

/** Returns no event if no session ended. @param ended the token hashes of the ended sessions */
const sessionsEnded = (userId: string, ended: Buffer[]) => ({
  result: ended,
  event: ended.length > 0 ? { target: { kind: 'user', id: userId } } : undefined,
});

/** Locks the user first. A session that an exchange code is starting from this one at the same time then ends, too. */
function signOut(call: Call, sessionId: string): Promise<Buffer[]> {
  const { user } = signedIn(call.actor);
  return mutate(call, async (tx) => {
    await lockActiveUser(tx, call.appId, user.id);
    const ended = await deleteSession(tx, call.appId, user.id, sessionId);
    if (ended.length === 0) throw new ApiError('session_not_found');
    return { result: ended, event: { target: { kind: 'session', id: sessionId } } };
  });
}

export const sessionRoutes = [
  route({
    method: 'DELETE',
    url: '/v1/authentication/users/sessions/:sessionId',
    operationId: 'signOut',
    tag: 'authentication',
    summary: 'Sign out',
    description:
      'Ends one session of the caller and invalidates its token, and the sessions that products got from it by ' +
      'exchange codes. Clears the cookie if it held that session. A session that can only add or replace second ' +
      'factors cannot end another session.',
    forRestrictedSessions: ['enrolment', 'recovery'],
    access: overSession('SESSION_OWNER'),
    audit: 'session.ended',
    params: sessionParams,
    response: { status: 204, description: 'The session has ended.' },
    errors: ['mfa_enrolment_required'],
    handler: async (call) => {
      const isOther = call.actor.kind === 'user' && call.actor.session.id !== call.params.sessionId;
      // A restricted session can only end itself: somebody who knows only the password may have started it.
      if (isOther) requireUnrestricted(undefined, call.actor);
      const ended = await signOut(call, call.params.sessionId);
      clearSessionCookie(call, await namedAppOf(call), ended);
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
    description:
      'Ends every session of the caller except the current one; with `includeCurrent=true` also the current one.',
    access: overApp('SESSION_OWNER'),
    audit: 'user.sessions_ended',
    query: endSessionsQuery,
    response: { status: 204, description: 'The sessions have ended.' },
    handler: async (call) => {
      const { user, session } = signedIn(call.actor);
      const kept = call.query.includeCurrent ? undefined : session.id;
      const ended = await mutate(call, async (tx) =>
        sessionsEnded(user.id, await deleteSessions(tx, call.appId, user.id, kept)),
      );
      clearSessionCookie(call, await namedAppOf(call), ended);
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authentication/users/:userId/sessions',
    operationId: 'listUserSessions',
    tag: 'authentication',
    summary: "List a user's sessions",
    description: 'The live sessions of a user, oldest first.',
    access: accepting({ machineScope: 'sessions:read' }, overUser('SUPER_ADMIN', 'GENERIC_MACHINE_USER')),
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
    description:
      'Ends every session of a user and invalidates their tokens. Machine users cannot end the sessions ' +
      'of a super admin.',
    access: accepting({ machineScope: 'sessions:write' }, overUser('SUPER_ADMIN', 'GENERIC_MACHINE_USER')),
    audit: 'user.sessions_ended',
    params: userParams,
    response: { status: 204, description: 'The sessions have ended.' },
    handler: async (call) => {
      const { appId, params } = call;
      await mutate(call, async (tx) => {
        await lockWithinReach(tx, call, params.userId);
        return sessionsEnded(params.userId, await deleteSessions(tx, appId, params.userId));
      });
    },
  }),
];
