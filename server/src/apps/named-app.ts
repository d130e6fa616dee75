import type { FastifyRequest } from 'fastify';
import type { Db } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../calls/route.ts';
import { type App, findAppByName } from './apps.store.ts';

const namedApps = new WeakMap<FastifyRequest, Promise<App | undefined>>();

/** The app in the header of the request, read at most once per request; undefined if the header is missing. */
export function namedApp(db: Db, request: FastifyRequest): Promise<App | undefined> {
  const known = namedApps.get(request);
  if (known) return known;
  const name = request.headers['x-app-name'];
  const found = typeof name === 'string' && name !== '' ? findAppByName(db, name) : Promise.resolve(undefined);
  namedApps.set(request, found);
  return found;
}

/** The app of the call with its settings. @throws ApiError `app_not_found` */
export async function namedAppOf(call: Call): Promise<App> {
  const app = await namedApp(call.services.db, call.request);
  if (!app) throw new ApiError('app_not_found');
  return app;
}
