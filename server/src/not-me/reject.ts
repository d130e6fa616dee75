import { endPersonalKeys, endReportedKey } from '../api-keys/end-keys.ts';
import { byUser } from '../accounts/claim-account.ts';
import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { chooseUrlTemplate } from '../apps/url-template.ts';
import { voidAllCodes } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { deleteFactorReset } from '../factors/factor-resets.store.ts';
import { deleteRejectedFactors } from '../factors/factors.store.ts';
import { ApiError } from '../http/errors.ts';
import { type ChangeEvent, mutate } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import { takeLimitWithin } from '../calls/take-limit.ts';
import { endReportedSecret } from '../organization-machine-users/former-owners.ts';
import { deleteSessions } from '../sessions/sessions.store.ts';
import { emailKey } from '../http/email-address.ts';
import { insertPasswordResetRequest } from '../accounts/password-reset-requests.store.ts';
import { findAndLockUser, type User } from '../users/users.store.ts';
import { voidSignInMethods } from '../accounts/void-sign-in-methods.ts';
import { endSession, removePassword, setEmailUnverified, unlinkIdentity } from './not-me.store.ts';
import { fingerprintOf, mailboxOf, type NotMeToken, openNotMeToken } from '../users/not-me-token.ts';

const invalid = (userId: string | null): ApiError =>
  new ApiError('code_invalid', {
    detail: 'This link is invalid or has expired, or the account has since been claimed or has another address.',
    about: { target: { kind: 'user', id: userId } },
  });

/**
 * Rejects a sign-up: voids all sign-in methods of the account and marks the address as unverified. Id, address and
 * memberships granted by others are kept.
 *
 * @throws ApiError `code_invalid` if the account is claimed, `rate_limited`
 */
async function rejectSignUp(tx: Tx, call: Call, user: User): Promise<ChangeEvent[]> {
  if (user.isEmailClaimed) throw invalid(user.id);
  await takeLimitWithin(tx, call, 'rejectionsPerUserPerDay', user.id);
  const ended = await voidSignInMethods(tx, call, user.id);
  await setEmailUnverified(tx, call.appId, user.id, call.services.clock.now());
  return ended;
}

/**
 * Removes the rejected session or credential. A credential of an organization is removed even if another owner has
 * taken it over, because a stranger may have a copy. Also ends all sessions after a rejected credential, because it
 * may have been used to sign in. Personal API keys end in every case, because they may have been created with the
 * rejected session.
 */
async function remove(tx: Tx, call: Call, { kind, userId, subject }: NotMeToken): Promise<ChangeEvent[]> {
  const { appId, services } = call;
  const ended = await endPersonalKeys(tx, call, userId);
  if (kind === 'session') {
    await endSession(tx, appId, userId, subject);
    return ended;
  }
  const isRejected = (passwordHash: string) => fingerprintOf(passwordHash) === subject;
  if (kind === 'identity') await unlinkIdentity(tx, appId, userId, subject);
  if (kind === 'api_key') ended.push(...(await endReportedKey(tx, call, subject)));
  if (kind === 'factor') await deleteRejectedFactors(tx, appId, userId, subject, services.clock.now());
  if (kind === 'machine_secret') ended.push(...(await endReportedSecret(tx, call, subject)));
  if (kind === 'password') await removePassword(tx, appId, userId, isRejected, services.clock.now());
  await deleteSessions(tx, appId, userId);
  return ended;
}

/** Requests a password reset for the recipient. The background task processes it within the quotas of the mailbox. */
async function startReset(tx: Tx, call: Call, app: App, { email }: User): Promise<void> {
  const { services, client, appId } = call;
  await insertPasswordResetRequest(tx, appId, {
    id: services.ids.next(),
    emailKey: emailKey(email),
    urlTemplate: chooseUrlTemplate(call, app, 'resetUrl', undefined) ?? null,
    ip: client.ip,
    userAgent: client.userAgent ?? null,
    deviceHashes: [],
    requestId: client.requestId,
    createdAt: services.clock.now(),
  });
}

/**
 * Applies the "not me" link of a mail. The link is reusable. A repeated use of an identity or password link ends all
 * sessions again, even if the credential is already removed, because an attacker may still have a session.
 *
 * @param token token of the link, from `notMeUrl`
 * @throws ApiError `code_invalid` for a token that is wrong, expired, of a deleted user or sent to an address that
 *   the user no longer has, and for the sign-up of a claimed account
 * @throws ApiError `rate_limited` if the sign-up of this account was already rejected twice today
 * @see contract 2.5
 */
export async function reject(call: Call, token: string): Promise<void> {
  const opened = openNotMeToken(call.services, call.appId, token);
  if (!opened) throw invalid(null);
  const app = await namedAppOf(call);
  await mutate(call, async (tx) => {
    const user = await findAndLockUser(tx, app.id, opened.userId);
    if (!user) throw invalid(null);
    if (mailboxOf(user.email) !== opened.mailbox) throw invalid(user.id);
    const ended: ChangeEvent[] = [];
    if (opened.kind === 'account') {
      ended.push(...(await rejectSignUp(tx, call, user)));
    } else if (opened.kind === 'factor_reset') {
      if (!(await deleteFactorReset(tx, app.id, user.id, opened.subject))) throw invalid(user.id);
    } else {
      ended.push(...(await remove(tx, call, opened)));
      await voidAllCodes(tx, app.id, user.id, ['email_change', 'sign_in', 'second_factor']);
      await startReset(tx, call, app, user);
    }
    const target = { kind: 'user', id: user.id } as const;
    return { result: undefined, event: [{ target, actor: target, changes: [opened.kind] }, ...byUser(user.id, ended)] };
  });
}
