import type { App } from '../apps/apps.store.ts';
import type { Queryable } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import { type Factor, listFactors } from './factors.store.ts';
import { findMailableAddress } from './mailed-factor.store.ts';

type Kind = App['settings']['mfa']['factors'][number];

/** Whether people may add and use second factors of this kind. */
export const allowsFactor = ({ settings }: Pick<App, 'settings'>, kind: Kind): boolean =>
  settings.mfa.factors.includes(kind);

/** @throws ApiError `mfa_disabled`, `factor_not_allowed` */
export function requireKind(app: App, kind: Kind): void {
  if (app.settings.mfa.policy === 'off') throw new ApiError('mfa_disabled');
  if (!allowsFactor(app, kind)) throw new ApiError('factor_not_allowed');
}

/**
 * The factors with which a person can sign in: those of the kinds that the app allows. A person who has no factor of
 * these kinds can use the others. Otherwise a change of the settings would lock people out, or make the password alone
 * enough.
 */
function usableOf<Some extends Pick<Factor, 'kind'>>(app: Pick<App, 'settings'>, factors: readonly Some[]): Some[] {
  const allowed = factors.filter(({ kind }) => allowsFactor(app, kind));
  return allowed.length > 0 ? allowed : [...factors];
}

/**
 * Whether the user can use a factor of this kind. Needs a statement only if the app does not allow the kind.
 */
export async function isUsable(db: Queryable, app: App, userId: string, kind: 'totp' | 'passkey'): Promise<boolean> {
  if (allowsFactor(app, kind)) return true;
  return usableOf(app, await listFactors(db, app.id, userId)).some((factor) => factor.kind === kind);
}

/** A user who presented the correct first factor. */
interface HalfAuthenticated {
  readonly id: string;
  /** The methods of the first factor. */
  readonly amr: readonly string[];
}

/**
 * The address to which the app mails a code as second factor; undefined if it mails none. The mailbox must not count as
 * both factors. So a code is mailed only after a password that no mailed code set within the last hour. It is not
 * mailed after a sign-in with a provider, where the account often has the same mailbox.
 */
export const mailableAddress = async (
  db: Queryable,
  app: App,
  { id, amr }: HalfAuthenticated,
  now: Date,
): Promise<string | undefined> =>
  allowsFactor(app, 'email') && amr.join() === 'pwd' ? findMailableAddress(db, app.id, id, now) : undefined;

/** Masks an address for a client that may not know it. */
const masked = (email: string): string => email.replace(/^(.)[^@]*/su, '$1…');

/**
 * The factors of a user, for a client that presented the correct first factor. The id of a mailed code is the id of
 * the user.
 */
export async function usableFactors(
  db: Queryable,
  app: App,
  user: HalfAuthenticated,
  now: Date,
): Promise<{ id: string; kind: Kind; name: string }[]> {
  const own = usableOf(app, await listFactors(db, app.id, user.id)).map(({ id, kind, name }) => ({ id, kind, name }));
  const email = await mailableAddress(db, app, user, now);
  return email === undefined ? own : [...own, { id: user.id, kind: 'email', name: masked(email) }];
}
