import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from './errors.ts';
import type { Route } from './route.ts';

const methodsTried = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

const toPattern = (url: string): RegExp =>
  new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z]+/g, '[^/]+')}$`);

/** Why no route matches a request: the address answers to other methods, or nothing is there. */
function createExplanation(routes: readonly Route[]): (request: FastifyRequest) => ApiError {
  const patterns = routes.map(({ method, url }) => ({ method, pattern: toPattern(url) }));
  return (request) => {
    const path = request.url.split('?')[0] ?? '';
    const declared = new Set<string>(patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method));
    if (declared.has('GET')) declared.add('HEAD');
    // A parameter too long for the router: no other method would help.
    if (declared.size === 0 || declared.has(request.method)) return new ApiError('route_not_found');
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'])
      return new ApiError('origin_not_allowed');
    const allow = methodsTried.filter((method) => declared.has(method)).join(', ');
    return new ApiError('method_not_allowed', { headers: { allow } });
  };
}

/** Answers what no route matches: 405 with the methods that the address does answer to, else 404. */
export function installNotFound(app: FastifyInstance, routes: readonly Route[]): void {
  const explain = createExplanation(routes);
  // Before the body is read: what it holds matters to no route.
  app.addHook('onRequest', (request, _reply, done) => (request.is404 ? done(explain(request)) : done()));
  app.setNotFoundHandler((request) => {
    throw explain(request);
  });
}
