import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Address, addressesOf, shadowedMethods } from './addresses.ts';
import { ApiError } from '../http/errors.ts';
import type { Route } from './route.ts';

/** Why no route matches a request: the path supports other methods, or is unknown. */
function explain(addresses: readonly Address[], request: FastifyRequest): ApiError {
  const path = request.url.split('?')[0] ?? '';
  const methods: readonly string[] = addresses.find(({ pattern }) => pattern.test(path))?.methods ?? [];
  // A parameter that is too long for the router. Another method would not help.
  if (methods.length === 0 || methods.includes(request.method)) return new ApiError('route_not_found');
  if (request.method === 'OPTIONS' && request.headers['access-control-request-method'])
    return new ApiError('origin_not_allowed');
  return new ApiError('method_not_allowed', { headers: { allow: methods.join(', ') } });
}

/**
 * Responds to requests without a route: 405 with the methods that the path supports, otherwise 404.
 *
 * @see RFC 9110, section 15.5.6
 */
export function installNotFound(app: FastifyInstance, routes: readonly Route[]): void {
  const addresses = addressesOf(routes);
  const refuse = (request: FastifyRequest): never => {
    throw explain(addresses, request);
  };
  // Runs before the body is read, because no route needs the body.
  app.addHook('onRequest', (request, _reply, done) => (request.is404 ? done(explain(addresses, request)) : done()));
  app.setNotFoundHandler(refuse);
  for (const address of addresses) {
    const method = shadowedMethods(addresses, address);
    const { url } = address;
    if (method.length > 0) {
      app.route({
        method,
        url,
        exposeHeadRoute: false,
        onRequest: (request, _reply, done) => done(explain(addresses, request)),
        handler: refuse,
      });
    }
  }
}
