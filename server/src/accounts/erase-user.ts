import { clearTracesOf } from '../calls/audit-event.store.ts';
import { forgetAttemptsWithoutCode } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { mailboxKinds, mailboxName, reservedName } from '../email/mail-quotas.ts';
import { addressKey } from '../http/network-address.ts';
import { limitNames } from '../limits/limits.ts';
import { resetQuotas } from '../limits/limits.store.ts';
import { quotaKey } from '../calls/take-limit.ts';
import { deleteMembershipsOf } from '../members/members.store.ts';
import type { Services } from '../calls/services.ts';
import { addressesOf, deleteUserRow } from '../users/app-users.store.ts';
import { emailKey, mailboxKey } from '../http/email-address.ts';
import { deleteSignInCodeRequests } from '../sign-in/sign-in-code-requests.store.ts';
import { deletePasswordResetRequests } from './password-reset-requests.store.ts';

/**
 * Deletes a user and all data about them, except the id in the audit. Rows that refer to the row of the user are
 * deleted with it. This function deletes everything else that is stored under an id, address or network address of a
 * person. New tables of this kind must be added here.
 *
 * The user must be locked already. It must be checked already that the app and the user's organizations keep another
 * super admin and owner.
 */
export async function eraseUser(
  tx: Tx,
  services: Services,
  appId: string,
  user: { id: string; email: string; isEmailClaimed: boolean },
): Promise<void> {
  const key = emailKey(user.email);
  const addresses = [...new Set((await addressesOf(tx, appId, user.id)).map(addressKey))];
  await forgetAttemptsWithoutCode(tx, appId, addresses);
  await deletePasswordResetRequests(tx, appId, key);
  await deleteSignInCodeRequests(tx, appId, key);
  // Quotas of an address that the user never claimed are kept, because they belong to the owner of the mailbox.
  const { email } = user;
  const ofMailbox = [key, mailboxKey(email), ...mailboxKinds.map((kind) => mailboxName(kind, email))];
  const reserved = mailboxKinds.map((kind) => reservedName(kind, user.id));
  const ofUser = [user.id, ...reserved, ...addresses.map((address) => `${user.id} ${address}`)];
  const names = [...ofUser, ...(user.isEmailClaimed ? ofMailbox : [])];
  const shares = limitNames.flatMap((name) => names.map((whose) => quotaKey(services, name, whose)));
  await resetQuotas(tx, appId, shares);
  await clearTracesOf(tx, appId, [user.id]);
  await deleteMembershipsOf(tx, appId, user.id);
  await deleteUserRow(tx, appId, user.id);
}
