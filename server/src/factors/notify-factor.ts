import type { App } from '../apps/apps.store.ts';
import type { Tx } from '../db/db.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import { queueNotice } from '../email/mail-quotas.ts';
import type { Call } from '../calls/route.ts';
import { notMeUrl } from '../users/not-me-token.ts';
import type { MailContent } from '../mail-texts/mail-purposes.ts';

/** Mails about changes that cannot be undone: their link ends all sessions. */
const irreversible: ReadonlySet<FactorNotice> = new Set([
  'factor_removed',
  'recovery_codes_replaced',
  'recovery_code_used',
]);

type FactorNotice =
  | 'factor_added'
  | 'factor_removed'
  | 'recovery_codes_replaced'
  | 'recovery_code_used'
  | 'factors_reset'
  | 'factors_reset_requested';

/** A mail about a change of second factors. */
interface FactorMail {
  readonly user: { readonly id: string; readonly email: string; readonly isEmailVerified: boolean };
  readonly purpose: FactorNotice;
  readonly content?: MailContent;
}

/**
 * Queues the mail about a change of second factors. An unverified address gets none, because it may belong to someone
 * else.
 */
export async function notifyOfFactor(
  tx: Tx,
  call: Call,
  app: App,
  { user, purpose, content = {} }: FactorMail,
): Promise<void> {
  if (!user.isEmailVerified) return;
  const { id: userId, email: recipient } = user;
  const link = irreversible.has(purpose) && { notMeUrl: notMeUrl(call, user, { kind: 'factors' }) };
  const mail = { userId, recipient, purpose, content: { ...content, ...circumstancesOf(call), ...link } };
  await queueNotice(tx, call.services, app, mail);
}
