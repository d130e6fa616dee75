import type { App } from '../apps/apps.store.ts';
import type { Services } from '../calls/services.ts';
import { codesKept } from '../codes/codes.ts';
import { type CodePurpose, countUsableCodes } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { consumeMailQuota, type MailboxKind } from '../email/mail-quotas.ts';
import { addressKey } from '../http/network-address.ts';
import { isKnownRequester, type Requester } from './known-requester.ts';
import type { User } from './users.store.ts';

/**
 * Whether a user may get another code that anyone can request for the address. Consumes a unit of the mail quota if so.
 * While the codes that are kept are valid, no further mail is sent, because these codes work. Codes that strangers
 * requested do not block a client with a known device or network.
 *
 * @param code purpose of the code, and kind of its mail
 */
export async function mayMailCode(
  tx: Tx,
  services: Services,
  app: App,
  user: User,
  requester: Requester,
  code: { readonly purpose: CodePurpose; readonly kind: MailboxKind },
): Promise<boolean> {
  const now = services.clock.now();
  const isKnown = user.isEmailClaimed && (await isKnownRequester(tx, app.id, user.id, requester, now));
  const waiting = { now, requestedFrom: isKnown ? addressKey(requester.ip) : undefined };
  if ((await countUsableCodes(tx, app.id, user.id, code.purpose, waiting)) >= codesKept[code.purpose]) return false;
  // Beyond the quota, no mail is sent and the request is dropped silently.
  return consumeMailQuota(tx, services, app, code.kind, user.email, isKnown ? user.id : undefined);
}
