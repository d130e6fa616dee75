import type { FastifyInstance } from 'fastify';
import { ApiError } from './errors.ts';
import type { Route } from './route.ts';

const methodsTried = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

const toPattern = (url: string): RegExp =>
  new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z]+/g, '[^/]+')}/?$`);

/** Answers what no route matches: 405 with the methods that the address does answer to, else 404. */
export function installNotFound(app: FastifyInstance, routes: readonly Route[]): void {
  const patterns = routes.map(({ method, url }) => ({ method, pattern: toPattern(url) }));
  app.setNotFoundHandler((request) => {
    const path = request.url.split('?')[0] ?? '';
    const declared = new Set<string>(patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method));
    if (declared.has('GET')) declared.add('HEAD');
    if (declared.size === 0) throw new ApiError('route_not_found');
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'])
      throw new ApiError('origin_not_allowed');
    const allow = methodsTried.filter((method) => declared.has(method)).join(', ');
    throw new ApiError('method_not_allowed', { headers: { allow } });
  });
}
