import { ApiError } from '../http/errors.ts';
import { namedApp } from '../http/request-context.ts';
import type { Call } from '../http/route.ts';
import type { App } from './apps.store.ts';

/** The app of the call with its settings. @throws ApiError `app_not_found` */
export async function namedAppOf(call: Call): Promise<App> {
  const app = await namedApp(call.services, call.request);
  if (!app) throw new ApiError('app_not_found');
  return app;
}
