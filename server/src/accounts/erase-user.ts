import { clearTracesOf } from '../calls/audit-event.store.ts';
import { forgetTriesInVain } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { mailboxKinds, mailboxName, reservedName } from '../email/mail-quotas.ts';
import { addressKey } from '../http/network-address.ts';
import { limitNames } from '../limits/limits.ts';
import { fillShares } from '../limits/limits.store.ts';
import { shareKey } from '../calls/take-limit.ts';
import { deleteMembershipsOf } from '../members/members.store.ts';
import type { Services } from '../calls/services.ts';
import { addressesOf, deleteUserRow } from '../users/app-users.store.ts';
import { emailKey, mailboxKey } from '../http/email-address.ts';
import { deletePasswordResetRequests } from './password-reset-requests.store.ts';

/**
 * Deletes a user and every trace of them but the id in the audit. What refers to the user's row goes with it;
 * everything else that is stored about a person, under their id, address or network address, is removed here: a new
 * table of that kind gets a line.
 *
 * The caller has locked the user and made sure that the app and its organizations can do without them.
 */
export async function eraseUser(
  tx: Tx,
  services: Services,
  appId: string,
  user: { id: string; email: string; isEmailClaimed: boolean },
): Promise<void> {
  const key = emailKey(user.email);
  const addresses = [...new Set((await addressesOf(tx, appId, user.id)).map(addressKey))];
  await forgetTriesInVain(tx, appId, addresses);
  await deletePasswordResetRequests(tx, appId, key);
  // Quotas of an address that they never claimed stay: they belong to the owner of the mailbox.
  const { email } = user;
  const ofMailbox = [key, mailboxKey(email), ...mailboxKinds.map((kind) => mailboxName(kind, email))];
  const reserved = mailboxKinds.map((kind) => reservedName(kind, user.id));
  const ofUser = [user.id, ...reserved, ...addresses.map((address) => `${user.id} ${address}`)];
  const names = [...ofUser, ...(user.isEmailClaimed ? ofMailbox : [])];
  const shares = limitNames.flatMap((name) => names.map((whose) => shareKey(services, name, whose)));
  await fillShares(tx, appId, shares);
  await clearTracesOf(tx, appId, [user.id]);
  await deleteMembershipsOf(tx, appId, user.id);
  await deleteUserRow(tx, appId, user.id);
}
