import type { FastifyRequest } from 'fastify';
import { addressesOf } from '../calls/addresses.ts';
import type { Route } from '../calls/route.ts';

/** A page without forms of its own, whose script calls the API. */
const notMePage = '/apps/:app/not-me';

/** The path as the router reads it. A path that cannot be decoded names nothing. */
function decoded(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

/**
 * Whether the URL of a request is that of a page. Below `/apps/` and `/idps/` everything is a page, also what does
 * not exist, except the resources of programs: key sets, introspection and logos of an app.
 */
export function pagesOf(routes: readonly Route[]): (request: FastifyRequest) => boolean {
  const resources = addressesOf(
    routes.filter(({ url, page }) => url.startsWith('/apps/') && url !== notMePage && !page),
  );
  return ({ url, routeOptions }) => {
    if (routeOptions.config.route?.page) return true;
    const path = decoded(url.split('?', 1)[0] ?? '');
    return /^\/(?:apps|idps)\//.test(path) && !resources.some(({ pattern }) => pattern.test(path));
  };
}
