/** A guard that the generated tests do not cover, with the second guard that protects the data. */
export interface Harmless {
  /** Path relative to the server's directory. */
  readonly file: string;
  readonly guard: string;
  /** Code of the declaration before the guard. If several entries match, the nearest code counts. */
  readonly context: string;
  readonly reason: string;
}

export const app = 'app_id = ${appId}';
export const appOf = (alias: string): string => `${alias}.${app}`;
export const appOfAsked = (alias: string): string => `${alias}.app_id = asked.app_id`;
export const user = 'user_id = ${userId}';

/**
 * Ids are unique in the deployment (ids.test.ts), and references to a row are always within its app
 * (tenancy.schema.test.ts).
 */
export const once = (what: string): string => `ids are unique: no two rows have the id of ${what}`;
/** Keys of predefined roles are unique in an app only. */
export const otherApps = 'roles-of-other-apps.test.ts tests a role with the same key in another app';
export const background = (what: string): string => `no call reaches it; ${once(what)}`;

type Entry = readonly [guard: string, context: string, reason: string];
export const of = (file: string, entries: readonly Entry[]): Harmless[] =>
  entries.map(([guard, context, reason]) => ({ file: `src/${file}`, guard, context, reason }));
