import type { App } from '../apps/apps.store.ts';
import type { Tx } from '../db/db.ts';
import { type Circumstances, circumstancesOf } from '../email/circumstances.ts';
import { type NoticeServices, queueNotice } from '../email/mail-quotas.ts';
import type { Call } from '../calls/route.ts';
import { notMeUrl, notMeUrlOfApp } from '../users/not-me-token.ts';
import { type Identity, listIdentities } from '../identity-providers/identities.store.ts';

/**
 * Notifies the owner of a mailbox that the password of their account was changed. Call it for verified addresses only:
 * a stranger who signed up with somebody's address must not be able to send mails to it.
 *
 * @param passwordHash the new hash, which the "not me" link of the mail removes
 */
export async function notifyPasswordChanged(
  tx: Tx,
  call: Call,
  app: App,
  user: { id: string; email: string },
  passwordHash: string,
): Promise<void> {
  await queuePasswordChanged(tx, call.services, app, { user, passwordHash, circumstances: circumstancesOf(call) });
}

/**
 * Notifies the owner of a mailbox that the operator of the service set the password of their account.
 *
 * @param passwordHash the new hash, which the "not me" link of the mail removes
 */
export function notifyPasswordSetByOperator(
  tx: Tx,
  services: NoticeServices,
  app: App,
  user: { id: string; email: string },
  passwordHash: string,
): Promise<void> {
  const circumstances = { time: services.clock.now().toISOString() };
  return queuePasswordChanged(tx, services, app, { user, passwordHash, circumstances });
}

interface PasswordChange {
  readonly user: { readonly id: string; readonly email: string };
  readonly passwordHash: string;
  readonly circumstances: Circumstances;
}

function queuePasswordChanged(
  tx: Tx,
  services: NoticeServices,
  app: App,
  { user, passwordHash, circumstances }: PasswordChange,
): Promise<void> {
  const subject = { kind: 'password', passwordHash } as const;
  const content = { ...circumstances, notMeUrl: notMeUrlOfApp(services, app, user, subject) };
  return queueNotice(tx, services, app, {
    userId: user.id,
    recipient: user.email,
    purpose: 'password_changed',
    content,
  });
}

/** The name of an identity in a mail: the provider, and the address there. */
const nameOf = ({ name, email }: Identity): string => (email === null ? name : `${name} (${email})`);
const namesOf = (identities: readonly Identity[]): string => identities.map(nameOf).join(', ');

/**
 * Notifies the owner of the mailbox about a password reset and the identities that it unlinked. Each identity that
 * stays linked gets its own "not me" link.
 *
 * @param reset.identities the identities before the reset
 * @param reset.passwordHash the new hash, which the "not me" link of the mail removes
 */
export async function notifyPasswordReset(
  tx: Tx,
  call: Call,
  app: App,
  user: { id: string; email: string },
  { identities, passwordHash }: { identities: readonly Identity[]; passwordHash: string },
): Promise<void> {
  const { id: userId, email: recipient } = user;
  const linked = await listIdentities(tx, call.appId, userId);
  const unlinked = identities.filter(({ id }) => !linked.some((one) => one.id === id));
  const content = {
    ...(unlinked.length > 0 && { unlinked: namesOf(unlinked) }),
    ...(linked.length > 0 && { linked: namesOf(linked) }),
    ...circumstancesOf(call),
    notMeUrl: notMeUrl(call, user, { kind: 'password', passwordHash }),
    notMeLinks: linked.map((identity) => ({
      name: nameOf(identity),
      url: notMeUrl(call, user, { kind: 'identity', id: identity.id }),
    })),
  };
  await queueNotice(tx, call.services, app, { userId, recipient, purpose: 'password_reset_done', content });
}
