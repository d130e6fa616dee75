import { randomBytes } from 'node:crypto';
import { developmentFeaturesSentence } from '../config.ts';
import type { Services } from '../services.ts';
import { emailAddress } from '../users/email-address.ts';
import { sql, type Tx } from '../db/db.ts';
import { settingsPatch } from './apps.schema.ts';
import { someAppExists } from './apps.store.ts';
import { createApp, prepareApp } from './create-app.ts';

/** What the first start of a development deployment tells its user, once. */
export interface FirstApp {
  readonly name: string;
  readonly adminEmail: string;
  /** Only when it was made up here. */
  readonly generatedPassword: string | undefined;
}

/** The admin of the first app: from the environment, or made up where development features exist. */
function firstAdmin({ config }: Services): { email: string; password: string; isGenerated: boolean } {
  const { bootstrapAdminEmail: email, bootstrapAdminPassword: password } = config;
  if (email !== undefined && password !== undefined)
    return { email: emailAddress.parse(email), password, isGenerated: false };
  if (config.developmentFeatures) {
    return { email: 'admin@example.com', password: randomBytes(12).toString('base64url'), isGenerated: true };
  }
  throw new Error(
    `There is no app yet: set BOOTSTRAP_APP, BOOTSTRAP_ADMIN_EMAIL and BOOTSTRAP_ADMIN_PASSWORD. A generated admin is a development feature, and ${developmentFeaturesSentence}`,
  );
}

/** One process at a time. The lock is on the one row of `deployment`, which is there before any app. */
async function lockBootstrap(tx: Tx): Promise<void> {
  await tx.query(sql`SELECT 1 FROM deployment FOR UPDATE`);
}

/**
 * Makes the first app of a deployment that has none. Several processes may start at once: one of them makes it.
 *
 * @returns the app that was made, undefined when there is one already
 */
export async function bootstrap(services: Services): Promise<FirstApp | undefined> {
  const { config, db } = services;
  if (await someAppExists(db)) return undefined;
  const admin = firstAdmin(services);
  const name = config.bootstrapApp ?? 'demo';
  const settings = settingsPatch.parse(config.bootstrapSettings ?? {});
  const prepared = await prepareApp(services, {
    name,
    displayName: name,
    adminEmail: admin.email,
    adminPassword: admin.password,
    settings,
  });
  const isMade = await db.transaction(async (tx) => {
    await lockBootstrap(tx);
    if (await someAppExists(tx)) return false;
    await createApp(tx, services, prepared);
    return true;
  });
  return isMade
    ? { name, adminEmail: admin.email, generatedPassword: admin.isGenerated ? admin.password : undefined }
    : undefined;
}
