import type { FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import type { Services } from './services.ts';
import { bearerToken } from '../http/credential.ts';
import { ApiError } from '../http/errors.ts';
import { isLoopback } from '../http/loopback.ts';

const isAppName = (text: string): boolean => /^[a-z][a-z0-9-]{1,39}$/.test(text);

/** The service's own origin. Outside production also every loopback name with the same port. */
export function isOwnOrigin(config: Config, origin: string): boolean {
  if (origin === config.publicUrl) return true;
  if (config.isProduction || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  const own = new URL(config.publicUrl);
  return isLoopback(url.hostname) && url.protocol === own.protocol && url.port === own.port;
}

/** Whether pages of `origin` may call the app in the header of the request. */
export async function isAllowedOrigin(services: Services, request: FastifyRequest, origin: string): Promise<boolean> {
  const app = await services.apps.named(request);
  return app?.status === 'ACTIVE' && app.settings.allowedOrigins.includes(origin);
}

/** Longer origins are truncated in the log. */
const loggedOriginLength = 300;

/**
 * Logs a refused web page, so that the operator finds a missing entry of `allowedOrigins`. The caller controls origin
 * and app name: the origin is truncated, and a name that is invalid for an app is omitted.
 */
export function logRefusedOrigin(request: FastifyRequest, check: 'cors' | 'csrf'): void {
  const { origin, 'x-app-name': app } = request.headers;
  const fields = {
    check,
    code: 'origin_not_allowed',
    origin: origin?.slice(0, loggedOriginLength) ?? null,
    app: typeof app === 'string' && isAppName(app) ? app : null,
  };
  const what = check === 'cors' ? 'a web page may not read the answer' : 'a call of a web page was refused';
  request.log.info(fields, `${what}: its origin is not in allowedOrigins of the app`);
}

function refuse(request: FastifyRequest): never {
  logRefusedOrigin(request, 'csrf');
  throw new ApiError('origin_not_allowed');
}

/**
 * Refuses calls with cookies that a page of another origin caused, even if the app allows the origin. For operations
 * whose response would make the session portable: scripts cannot read the session cookie.
 *
 * @throws ApiError `origin_not_allowed`
 */
export function requireOwnOrigin({ config }: Services, request: FastifyRequest): void {
  const { origin } = request.headers;
  if (origin === undefined || bearerToken(request) !== undefined || isOwnOrigin(config, origin)) return;
  refuse(request);
}

/**
 * Refuses calls with cookies that a foreign web page caused. A caller that sends neither `Origin` nor `Sec-Fetch-Site`
 * is not a browser and therefore has no cookies to abuse.
 *
 * @throws ApiError `origin_not_allowed`
 */
export async function checkOrigin(services: Services, request: FastifyRequest): Promise<void> {
  const { origin } = request.headers;
  if (origin === undefined) {
    const site = request.headers['sec-fetch-site'];
    if (site === undefined || site === 'same-origin' || site === 'none') return;
    refuse(request);
  }
  if (isOwnOrigin(services.config, origin) || (await isAllowedOrigin(services, request, origin))) return;
  refuse(request);
}
