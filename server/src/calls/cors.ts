import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Services } from './services.ts';
import { isAllowedOrigin, isOwnOrigin, logRefusedOrigin } from './origin.ts';

/** @see Fetch Standard, section 3.3.3 */
const headersOfAllowed = {
  'access-control-allow-credentials': 'true',
  'access-control-expose-headers': 'ETag, X-Request-Id, Retry-After, Location',
};
const headersOfPreflight = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers':
    'authorization, content-type, x-app-name, x-iam-orgid, if-match, idempotency-key, x-request-id',
  'access-control-max-age': '600',
  'content-length': '0',
};

/** Longer origins are refused without a query. */
const maximumOriginLength = 300;

/** @see Fetch Standard, section 3.3.2 */
const isPreflight = ({ method, headers }: FastifyRequest): boolean =>
  method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;

/** A preflight has no app header, so the origin must be allowed by any active app. The actual call names the app. */
function isAllowed(services: Services, request: FastifyRequest, origin: string): Promise<boolean> {
  return isPreflight(request) ? services.apps.someAllows(origin) : isAllowedOrigin(services, request, origin);
}

type IsPage = (request: FastifyRequest) => boolean;

/** Adds the headers for an allowed origin and answers its preflight. @returns whether a response was sent */
async function answerOrigin(
  services: Services,
  request: FastifyRequest,
  reply: FastifyReply,
  origin: string,
): Promise<boolean> {
  if (origin.length > maximumOriginLength || !(await isAllowed(services, request, origin))) {
    if (!isOwnOrigin(services.config, origin)) logRefusedOrigin(request, 'cors');
    return false;
  }
  reply.headers({ 'access-control-allow-origin': origin, ...headersOfAllowed });
  if (!isPreflight(request)) return false;
  reply.code(204).headers(headersOfPreflight).send();
  return true;
}

/**
 * Lets pages of an app's allowed origins read responses, including errors. If the database is unavailable, no origin is
 * allowed: the response itself then reports the outage. Every response varies by `Origin`; requests without `Origin`
 * cause no other work. No other origin can read the hosted pages. Their app is in the path, but the origin would be
 * compared with the app in the header, which the caller chooses.
 *
 * @see Fetch Standard, section 3.3
 */
export function installCors(app: FastifyInstance, services: Services, isPage: IsPage): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('vary', 'Origin');
    const { origin } = request.headers;
    if (origin === undefined || isPage(request)) return done();
    answerOrigin(services, request, reply, origin)
      .catch(() => false)
      .then((isAnswered) => (isAnswered ? undefined : done()))
      .catch(done);
  });
  app.options('*', (_request, reply) => reply.callNotFound());
}
