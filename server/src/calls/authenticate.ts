import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { sha256 } from '../keys/secrets.ts';
import type { Services } from './services.ts';
import type { Access } from '../access/access.ts';
import { requireAccepted } from '../access/decide.ts';
import { type Actor, anonymous } from '../access/actor.ts';
import { bearerToken, cookieOf, type Credential, presentedCredential } from '../http/credential.ts';
import { ApiError } from '../http/errors.ts';
import { addressKey, peerAddress } from '../http/network-address.ts';
import { checkOrigin } from './origin.ts';
import type { Call, Route } from './route.ts';
import { tryLimit } from './take-limit.ts';

/** The caller, in an app. */
export interface Caller {
  readonly appId: string;
  readonly actor: Actor;
}

/** The prefix of a token only suggests a type; the database lookup decides. Cookies can only contain sessions. */
async function authenticateToken(
  services: Services,
  access: Access,
  app: { id: string; name: string },
  { kind, token }: Credential,
  request: FastifyRequest,
): Promise<Actor | undefined> {
  if (token.startsWith('gh_s_')) return services.credentials.session(app.id, token);
  if (kind === 'cookie') return undefined;
  const takesMailedToken = access.target === 'user' && access.from === 'body' && access.mailedToken;
  if (token.startsWith('gh_v_') && takesMailedToken) {
    return services.credentials.mailedToken(app.id, token);
  }
  if (!token.includes('.')) return undefined;
  const actor = await services.credentials.signedToken(app, token);
  if (actor) requireAccepted(access, actor, peerAddress(request));
  return actor;
}

/** The name of the app in the header of the request. @throws ApiError `app_name_required` */
export function appNameOf(request: FastifyRequest): string {
  const name = request.headers['x-app-name'];
  if (typeof name !== 'string' || name === '') throw new ApiError('app_name_required');
  return name;
}

/**
 * Charges the call to the client address, if the route declares it; once, although a caller may be authenticated twice.
 *
 * @throws ApiError `rate_limited`
 */
async function limitAddress(services: Services, request: FastifyRequest, { addressLimit }: Route): Promise<void> {
  const app = addressLimit && !request.caller && (await services.apps.named(request));
  if (!app) return;
  const wait = await tryLimit(services, app, addressLimit, addressKey(request.clientAddress));
  if (wait !== undefined) throw new ApiError('rate_limited', { retryAfterInSeconds: wait });
}

/**
 * Authenticates on sign-in routes, which are public. A Bearer token means that the caller is already signed in. If an
 * invalid session were ignored, a caller who wants to link an identity would be signed in to another account, or to a
 * new account.
 */
async function sessionOrAnonymous(
  services: Services,
  access: Access,
  app: { id: string; name: string },
  request: FastifyRequest,
): Promise<Actor> {
  const token = bearerToken(request);
  if (token === undefined) return anonymous;
  const actor = await authenticateToken(services, access, app, { kind: 'bearer', token }, request);
  if (actor?.kind !== 'user') throw new ApiError('unauthenticated');
  return actor;
}

async function publicCaller(
  services: Services,
  request: FastifyRequest,
  route: Route,
  access: Access & { target: 'public' },
): Promise<Caller> {
  if (access.app === 'none') return { appId: '', actor: anonymous };
  if (access.app === 'in-path') {
    const appId = await services.apps.idOf((request.params as { app: string }).app);
    if (appId === undefined) throw new ApiError('app_not_found');
    return { appId, actor: anonymous };
  }
  const name = appNameOf(request);
  if (access.app === 'in-query') {
    const appId = await services.apps.idOf(name);
    if (appId === undefined) throw new ApiError('app_not_found');
    if (access.setsCookie) await checkOrigin(services, request);
    return { appId, actor: anonymous };
  }
  const app = await services.apps.named(request);
  if (!app) throw new ApiError('app_not_found');
  if (app.status !== 'ACTIVE') throw new ApiError('app_inactive');
  await limitAddress(services, request, route);
  const actor = access.acceptsSession ? await sessionOrAnonymous(services, access, app, request) : anonymous;
  if (access.setsCookie) await checkOrigin(services, request);
  return { appId: app.id, actor };
}

function platformCaller(services: Services, request: FastifyRequest): Caller {
  const { platformKeys } = services.config;
  if (platformKeys.length === 0) throw new ApiError('route_not_found');
  const presented = sha256(bearerToken(request) ?? '');
  if (!platformKeys.some((key) => timingSafeEqual(sha256(key), presented))) throw new ApiError('unauthenticated');
  return { appId: '', actor: { kind: 'platform' } };
}

async function appCaller(services: Services, request: FastifyRequest, route: Route): Promise<Caller> {
  const name = appNameOf(request);
  const appId = await services.apps.idOf(name);
  if (appId === undefined) throw new ApiError('app_not_found');
  await limitAddress(services, request, route);
  const credential = presentedCredential(request, { appName: name, publicUrl: services.config.publicUrl });
  const actor =
    credential && (await authenticateToken(services, route.access, { id: appId, name }, credential, request));
  if (!credential || !actor) throw new ApiError('unauthenticated');
  if (credential.kind === 'cookie' && !isSafe(request)) await checkOrigin(services, request);
  return { appId, actor };
}

/**
 * Whether the cookie of the browser contains a live session of a user. Needed in addition to another credential: the
 * token of a mail does not identify the person who opened the mail.
 *
 * @throws ApiError `origin_not_allowed` if there is such a session, and a page of another site makes the call
 */
export async function hasSessionCookieOf({ services, request, appId }: Call, userId: string): Promise<boolean> {
  const token = cookieOf(request, 'session-token', {
    appName: appNameOf(request),
    publicUrl: services.config.publicUrl,
  });
  if (!token?.startsWith('gh_s_')) return false;
  const found = await services.credentials.session(appId, token);
  if (found?.user.id !== userId) return false;
  await checkOrigin(services, request);
  return true;
}

/**
 * Safe methods change nothing, so cross-site requests with them are harmless.
 *
 * @see RFC 9110, section 9.2.1
 */
const isSafe = (request: FastifyRequest): boolean => request.method === 'GET' || request.method === 'HEAD';

/**
 * Authenticates the caller before the body is read: app header, rate limit of the address, credential, origin, in this
 * order.
 *
 * @throws ApiError `app_name_required`, `app_not_found`, `app_inactive`, `rate_limited`, `unauthenticated`,
 *   `origin_not_allowed`
 */
export function authenticate(services: Services, request: FastifyRequest, route: Route): Promise<Caller> | Caller {
  const { access } = route;
  switch (access.target) {
    case 'public':
      return publicCaller(services, request, route, access);
    case 'platform':
      return platformCaller(services, request);
    case 'app':
    case 'organization':
    case 'user':
    case 'session':
      return appCaller(services, request, route);
  }
}
