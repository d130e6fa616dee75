import type { Tx } from '../db/db.ts';
import { generateSigningKey } from '../keys/signing-keys.ts';
import { insertSigningKey, keySets, type StoredSigningKey } from '../keys/signing-keys.store.ts';
import type { Services } from '../calls/services.ts';
import { emailKey } from '../http/email-address.ts';
import { hashNewPassword } from '../passwords/new-password.ts';
import { checkPassword } from '../passwords/password-policy.ts';
import { insertUser, type NewUser } from '../users/users.store.ts';
import { defaultSettings, type SettingsPatch } from '../apps/apps.schema.ts';
import { insertApp, withDefaults } from '../apps/apps.store.ts';
import { checkSettings } from '../apps/check-settings.ts';

export interface NewApp {
  readonly name: string;
  readonly displayName: string;
  readonly adminEmail: string;
  readonly adminPassword: string;
  readonly settings: SettingsPatch;
}

/** Computes slow values before the transaction: the id of the app, its first signing keys and the password hash. */
export interface PreparedApp {
  readonly id: string;
  readonly app: NewApp;
  readonly keys: readonly StoredSigningKey[];
  readonly passwordHash: string;
}

/** @throws ApiError `password_too_weak`, `validation_failed`, `redirect_url_not_allowed` */
export async function prepareApp(services: Services, app: NewApp): Promise<PreparedApp> {
  checkPassword(app.adminPassword, { email: app.adminEmail });
  checkSettings(withDefaults(app.settings), {
    appName: app.name,
    before: defaultSettings,
    config: services.config,
    pointer: '/body/settings',
  });
  const passwordHash = await hashNewPassword(services, app.adminPassword, { email: app.adminEmail });
  const id = services.ids.next();
  const now = services.clock.now();
  const keys = await Promise.all(keySets.map((set) => generateSigningKey(services.sealer, id, set, now)));
  return { id, app, keys, passwordHash };
}

/** A super admin created by the operator. The account is claimed, because the operator answers for the address. */
export const toSuperAdmin = (account: Pick<NewUser, 'id' | 'email' | 'passwordHash' | 'now'>): NewUser => ({
  ...account,
  emailKey: emailKey(account.email),
  firstName: 'Super',
  lastName: 'Admin',
  phoneNumber: null,
  language: null,
  metadata: {},
  claimedBy: 'operator',
  isSuperAdmin: true,
});

/**
 * Creates an app with its first keys and a super admin.
 *
 * @throws ApiError `app_name_taken`
 */
export async function createApp(
  tx: Tx,
  services: Services,
  { id, app, keys, passwordHash }: PreparedApp,
): Promise<void> {
  const now = services.clock.now();
  await insertApp(tx, { id, name: app.name, displayName: app.displayName, settings: app.settings, now });
  for (const key of keys) await insertSigningKey(tx, id, key, now);
  await insertUser(tx, id, toSuperAdmin({ id: services.ids.next(), email: app.adminEmail, passwordHash, now }));
}
