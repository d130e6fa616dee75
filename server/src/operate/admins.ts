import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { notifyPasswordSetByOperator } from '../accounts/notify-password-changed.ts';
import type { App } from '../apps/apps.store.ts';
import type { Config } from '../config.ts';
import type { Log, Tx } from '../db/db.ts';
import { toSuperAdmin } from '../accounts/create-app.ts';
import { notifySuperAdminsOf } from '../accounts/notify-super-admins.ts';
import { renewPassword } from '../accounts/renew-password.ts';
import { writeAuditEvent } from '../calls/audit-event.store.ts';
import { quotaKey } from '../calls/take-limit.ts';
import type { Clock } from '../clock.ts';
import type { Deployment } from '../deployment.ts';
import { emailKey, normalizeEmail } from '../http/email-address.ts';
import type { IdSource } from '../ids.ts';
import { resetQuotas } from '../limits/limits.store.ts';
import { createBreachedPasswords } from '../passwords/breached-passwords.ts';
import { createPasswordHasher } from '../passwords/password-hash.ts';
import { newPasswordFault, type PasswordServices } from '../passwords/new-password.ts';
import { readStanding } from '../users/super-admins.store.ts';
import { insertUser, lockUserByEmail } from '../users/users.store.ts';

/** Dependencies of the commands. Tests pass their own. */
export interface AdminServices extends Pick<Deployment, 'db' | 'sealer'>, PasswordServices {
  readonly config: Config;
  readonly ids: IdSource;
  readonly clock: Clock;
}

export interface AdminCommands {
  readonly withApp: (name: string, work: (services: AdminServices, app: App) => Promise<void>) => Promise<void>;
  readonly print: (text: string) => void;
  readonly input: NodeJS.ReadableStream;
}

/** A new password with its hash. Generated, unless the operator enters one. */
async function newPassword(services: AdminServices, email: string, given: string | undefined) {
  const password = given ?? randomBytes(18).toString('base64url');
  const fault = await newPasswordFault(services, password, { email, firstName: 'Super', lastName: 'Admin' });
  if (fault !== undefined) throw new Error(fault);
  return { password, hash: await services.passwords.hash(password) };
}

const writeEvent = (
  tx: Tx,
  { ids, clock }: AdminServices,
  appId: string,
  action: string,
  target: { readonly kind: string; readonly id: string },
  orgId: string | null = null,
) =>
  writeAuditEvent(tx, ids, { appId, orgId, time: clock.now(), action, actor: { kind: 'operator', id: null }, target });

/**
 * Sets a new password of an active super admin, and notifies them by mail. Like a password reset by mail, ends all
 * sessions and deletes devices, codes, identities whose provider has not verified the address, and the count of failed
 * sign-ins.
 */
function resetPassword(services: AdminServices, app: App, email: string, passwordHash: string): Promise<void> {
  const { id: appId } = app;
  return services.db.transaction(async (tx) => {
    const user = await lockUserByEmail(tx, appId, emailKey(email));
    const standing = user && (await readStanding(tx, appId, user.id));
    if (!user || !standing?.isSuperAdmin) throw new Error(`no super admin of this app has the address ${email}`);
    if (user.state !== 'ACTIVE')
      throw new Error(`${email} is deactivated; create another super admin with create-admin`);
    if (!user.isEmailClaimed) {
      throw new Error(
        `the account of ${email} is not claimed; the owner can reset the password by mail, or you can ` +
          `create another super admin`,
      );
    }
    const ended = await renewPassword(tx, { services, appId }, user.id, passwordHash);
    await resetQuotas(tx, appId, [quotaKey(services, 'signInsPerAccountPerHour', emailKey(user.email))]);
    if (user.isEmailVerified) await notifyPasswordSetByOperator(tx, services, app, user, passwordHash);
    await writeEvent(tx, services, appId, 'user.password_reset', { kind: 'user', id: user.id });
    for (const { action = 'api_key.revoked', target, orgId } of ended) {
      await writeEvent(tx, services, appId, action, target, orgId);
    }
  });
}

/**
 * Adds a super admin. The account is claimed at once, because the operator answers for the address. All super admins
 * are notified by mail.
 */
function createAdmin(services: AdminServices, { id: appId }: App, email: string, passwordHash: string): Promise<void> {
  const { ids, clock } = services;
  return services.db.transaction(async (tx) => {
    if (await lockUserByEmail(tx, appId, emailKey(email))) {
      throw new Error(
        `${email} has an account already: choose another address, or ask a super admin to grant the role`,
      );
    }
    const now = clock.now();
    const id = ids.next();
    const added = await insertUser(tx, appId, toSuperAdmin({ id, email, passwordHash, now }));
    // A concurrent invitation can insert an unclaimed account with this address.
    if (added?.id !== id) throw new Error(`${email} has an account already`);
    const content = { email, time: now.toISOString() };
    await notifySuperAdminsOf(tx, services, appId, { purpose: 'super_admin_granted', content });
    await writeEvent(tx, services, appId, 'super_admin.granted', { kind: 'user', id: added.id });
  });
}

/** The commands for recovery if no super admin can sign in. */
export function addAdminCommands(program: Command, { withApp, print, input }: AdminCommands): void {
  const commands = [
    ['reset-admin-password', 'set a new password of a super admin and end their sessions', resetPassword],
    ['create-admin', 'add a super admin with an address that has no account yet', createAdmin],
  ] as const;
  for (const [name, description, change] of commands) {
    program
      .command(`${name} <app> <email>`)
      .description(description)
      .option('--password-stdin', 'read the password from standard input instead of generating one')
      .action((app: string, address: string, options: { passwordStdin?: boolean }) =>
        withApp(app, async (services, found) => {
          const email = normalizeEmail(address);
          if (email === undefined) throw new Error(`"${address}" is not an e-mail address`);
          const given = options.passwordStdin === true ? (await text(input)).replace(/\r?\n$/, '') : undefined;
          const { password, hash } = await newPassword(services, email, given);
          await change(services, found, email, hash);
          print(given === undefined ? `${email}  password: ${password}  (shown only once)` : `${email}  password set`);
        }),
      );
  }
}

/** A deployment, as far as these commands need it. */
export const toAdminServices = ({ db, ids, clock, sealer }: Deployment, config: Config, log: Log): AdminServices => ({
  config,
  db,
  ids,
  clock,
  sealer,
  passwords: createPasswordHasher({ concurrency: 1 }),
  breachedPasswords: createBreachedPasswords({ url: config.breachedPasswordsUrl, log }),
});
