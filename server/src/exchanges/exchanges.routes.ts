import { overApp, publicAccess } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { checkRedirectUrl } from '../apps/url-template.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, noAudit, nothingKept, route } from '../calls/route.ts';
import type { Tx } from '../db/db.ts';
import { requireOwnOrigin } from '../calls/origin.ts';
import { takeLimit } from '../calls/take-limit.ts';
import { ApiError } from '../http/errors.ts';
import { isVerifierOf, newSecret, sha256 } from '../keys/secrets.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import { copySession, endSurplusCopies } from '../sessions/sessions.store.ts';
import { findAndLockUser } from '../users/users.store.ts';
import { createExchangeCode, exchangeCodeCreated, exchangeSession, sessionExchanged } from './exchanges.schema.ts';
import { type Exchange, consumeExchange, insertExchange } from './exchanges.store.ts';

/** Short, because the code is in a URL, which can leak. */
const lifeMs = 60_000;

interface Presented {
  readonly returnTo: string;
  readonly codeVerifier: string;
}

/** Whether the caller is the product for which the code was created. */
const isFor = (exchange: Exchange, { returnTo, codeVerifier }: Presented, now: Date): boolean =>
  exchange.expiresAt > now && exchange.returnTo === returnTo && isVerifierOf(codeVerifier, exchange.codeChallenge);

/**
 * Starts a copy of the session for which the code was created. @returns undefined if that session has ended or its user
 * is no longer active
 */
async function startCopy(tx: Tx, call: Call, exchange: Exchange) {
  const { services, appId, client } = call;
  const app = await namedAppOf(call);
  const user = await findAndLockUser(tx, appId, exchange.userId);
  if (user?.state !== 'ACTIVE') return undefined;
  const now = services.clock.now();
  const idleExpiresAt = new Date(now.getTime() + app.settings.sessionIdleSeconds * 1000);
  const id = services.ids.next();
  const sessionToken = newSecret('gh_s_');
  const { ip, userAgent } = client;
  const copy = { id, tokenHash: sha256(sessionToken), now, idleExpiresAt, ip, userAgent };
  if (!(await copySession(tx, appId, exchange, copy))) return undefined;
  await endSurplusCopies(tx, appId, { userId: user.id, kept: id, now }, app.settings.sessionsPerUser);
  const { organizationId } = exchange;
  return { sessionId: id, sessionToken, userId: user.id, ...(organizationId !== null && { organizationId }) };
}

const signInAgain = 'The code is wrong, expired or already used. Send the person to the sign-in page again.';

export const exchangeRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/me/exchange-codes',
    operationId: 'createExchangeCode',
    tag: 'authentication',
    summary: 'Create a code that a product exchanges for a session',
    description:
      'Creates a code for a product on another site, which does not get the session cookie. The hosted pages make ' +
      'this call after a sign-in and add the code to `returnTo`. The product exchanges it with `POST ' +
      '…/users/sessions/exchange`. The code can be used once, within a minute. If the session of the caller ends, ' +
      'the code becomes invalid, and the session that the product got with it ends, too. With the session cookie, ' +
      'only pages of the service can make this call, not those of `allowedOrigins`. With `organizationId`, an ' +
      'organization of the caller, the product learns which one the person has chosen.',
    access: overApp('SESSION_OWNER'),
    audit: noAudit('The exchange of the code writes the event of the new session.'),
    idempotency: nothingKept('The response has a secret, and the call can be repeated without harm.'),
    body: createExchangeCode,
    response: { status: 201, description: 'The code.', body: exchangeCodeCreated },
    errors: ['redirect_url_not_allowed', 'organization_not_found', 'rate_limited'],
    authorize: ({ services, request }) => requireOwnOrigin(services, request),
    handler: async (call) => {
      const { services, appId, actor, body } = call;
      checkRedirectUrl(call, await namedAppOf(call), body.returnTo);
      await takeLimit(call, 'exchangeCodesPerUserPerHour', signedIn(actor).user.id);
      const code = newSecret('gh_x_');
      const expiresAt = new Date(services.clock.now().getTime() + lifeMs);
      return mutate(call, async (tx) => {
        await lockCallerWithSession(tx, call);
        const { id: sessionId } = signedIn(actor).session;
        const isOwn = await insertExchange(tx, appId, { ...body, codeHash: sha256(code), sessionId, expiresAt });
        if (!isOwn) throw new ApiError('organization_not_found');
        return { result: { code, expiresAt: expiresAt.toISOString() }, event: undefined };
      });
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authentication/users/sessions/exchange',
    operationId: 'exchangeSession',
    tag: 'authentication',
    summary: 'Exchange a code for a session',
    description:
      'Starts a session for a product on another site after a sign-in on the hosted pages. The session has the ' +
      'strength, the authentication times and the expiry of the session of the pages. The first attempt consumes the ' +
      'code, even if it fails. The response sets no cookie. It has `organizationId` if the person has chosen an ' +
      'organization and is still in it.',
    access: publicAccess(),
    audit: 'session.created',
    idempotency: nothingKept('The response has a secret, and the code can be used once.'),
    body: exchangeSession,
    response: { status: 201, description: 'The session has started.', body: sessionExchanged },
    errors: ['code_invalid'],
    handler: async (call) => {
      const { services, appId, body } = call;
      const started = await mutate(call, async (tx) => {
        const exchange = await consumeExchange(tx, appId, sha256(body.code));
        const isRight = exchange && isFor(exchange, body, services.clock.now());
        const session = isRight ? await startCopy(tx, call, exchange) : undefined;
        if (!session) return { result: undefined, event: undefined };
        const event = {
          target: { kind: 'session', id: session.sessionId },
          actor: { kind: 'user', id: session.userId },
        } as const;
        return { result: session, event };
      });
      if (!started) throw new ApiError('code_invalid', { detail: signInAgain });
      return started;
    },
  }),
];
