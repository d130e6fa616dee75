import type { FastifyRequest } from 'fastify';
import { type App, findAppByName } from '../apps/apps.store.ts';
import type { Services } from '../services.ts';

const namedApps = new WeakMap<FastifyRequest, Promise<App | undefined>>();

/** The app that the request names, read at most once per request; undefined when there is none. */
export function namedApp(services: Services, request: FastifyRequest): Promise<App | undefined> {
  const known = namedApps.get(request);
  if (known) return known;
  const name = request.headers['x-app-name'];
  const found = typeof name === 'string' && name !== '' ? findAppByName(services.db, name) : Promise.resolve(undefined);
  namedApps.set(request, found);
  return found;
}
