import { ApiError } from '../http/errors.ts';
import type { App } from './apps.store.ts';
import type { Settings } from './apps.schema.ts';

/**
 * Refuses a method of signing in that the app has disabled. Passwords can still be set and used to confirm changes.
 *
 * @throws ApiError `sign_in_method_disabled`
 */
export function requireSignInMethod(
  { settings }: Pick<App, 'settings'>,
  method: Settings['signInMethods'][number],
): void {
  if (!settings.signInMethods.includes(method)) throw new ApiError('sign_in_method_disabled');
}
