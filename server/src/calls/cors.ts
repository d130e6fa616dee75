import cors, { type FastifyCorsOptions } from '@fastify/cors';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Services } from './services.ts';
import { isAllowedOrigin, isOwnOrigin, logRefusedOrigin } from './origin.ts';

const shared: FastifyCorsOptions = {
  credentials: true,
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  allowedHeaders: [
    'authorization',
    'content-type',
    'x-app-name',
    'x-iam-orgid',
    'if-match',
    'idempotency-key',
    'x-request-id',
  ],
  exposedHeaders: ['ETag', 'X-Request-Id', 'Retry-After', 'Location'],
  maxAge: 600,
};

/** @see Fetch Standard, section 3.2.2 */
const isPreflight = ({ method, headers }: FastifyRequest): boolean =>
  method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;

/** A preflight carries no app header, so any active app may vouch for its origin; the call itself names the app. */
function isAllowed(services: Services, request: FastifyRequest, origin: string): Promise<boolean> {
  return isPreflight(request) ? services.apps.someAllows(origin) : isAllowedOrigin(services, request, origin);
}

async function optionsFor(services: Services, request: FastifyRequest, origin: string): Promise<FastifyCorsOptions> {
  const allowed = origin.length <= 300 && (await isAllowed(services, request, origin));
  if (allowed) return { ...shared, origin, preflight: isPreflight(request) };
  if (!isOwnOrigin(services.config, origin)) logRefusedOrigin(request, 'cors');
  return { origin: false };
}

/**
 * Lets the pages of an app's allowed origins read answers, errors included. While the database is away no origin is
 * known to be allowed: the answer itself then says what is wrong.
 *
 * @see Fetch Standard, section 3.2
 */
export async function installCors(app: FastifyInstance, services: Services): Promise<void> {
  await app.register(cors, {
    delegator: (request, callback) => {
      const { origin } = request.headers;
      if (origin === undefined) return callback(null, { origin: false });
      optionsFor(services, request, origin)
        .catch(() => ({ origin: false as const }))
        .then((options) => callback(null, options))
        .catch(callback);
    },
  });
}
