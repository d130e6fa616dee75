import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { ConfigError, developmentFeaturesSentence } from './config.ts';
import type { Services } from './calls/services.ts';
import { sql, type Tx } from './db/db.ts';
import { ApiError } from './http/errors.ts';
import { type SettingsPatch, settingsPatch } from './apps/apps.schema.ts';
import { someAppExists } from './apps/apps.store.ts';
import { createApp, prepareApp } from './accounts/create-app.ts';

/** The output of the first start of a development deployment, shown once. */
export interface FirstApp {
  readonly name: string;
  readonly adminEmail: string;
  /** Only if it was generated. */
  readonly generatedPassword: string | undefined;
}

const fault = (variable: string, message: string): ConfigError => new ConfigError([{ variable, message }]);

/** The super admin of the first app: from the environment, or generated if development features are enabled. */
function firstAdmin({ config }: Services): { email: string; password: string; isGenerated: boolean } {
  const { bootstrapAdminEmail: email, bootstrapAdminPassword: password } = config;
  if (email !== undefined && password !== undefined) return { email, password, isGenerated: false };
  if (config.developmentFeatures) {
    return { email: 'admin@example.com', password: randomBytes(12).toString('base64url'), isGenerated: true };
  }
  const reason = `a generated admin is a development feature, and ${developmentFeaturesSentence}`;
  throw fault('BOOTSTRAP_ADMIN_EMAIL', `and BOOTSTRAP_ADMIN_PASSWORD are required while there is no app: ${reason}`);
}

/** In a trial, people can do everything in the browser, without a call of the super admin. */
const trialSettings: SettingsPatch = { usersMayCreateOrganizations: true };

function firstSettings({ config }: Services, isTrial: boolean): SettingsPatch {
  const parsed = settingsPatch.safeParse(config.bootstrapSettings ?? {});
  if (parsed.success) return { ...(isTrial && trialSettings), ...parsed.data };
  throw fault('BOOTSTRAP_SETTINGS', `is not valid: ${z.prettifyError(parsed.error)}`);
}

/** Converts an API error to a configuration error that names the environment variable. */
function nameVariable(error: unknown): unknown {
  if (!(error instanceof ApiError)) return error;
  if (error.code === 'password_too_weak') return fault('BOOTSTRAP_ADMIN_PASSWORD', `is too weak: ${error.detail}`);
  if (error.code === 'validation_failed' && error.faults) {
    return fault('BOOTSTRAP_SETTINGS', `is not valid: ${error.faults.map(({ message }) => message).join(' ')}`);
  }
  return error.code === 'redirect_url_not_allowed'
    ? fault('BOOTSTRAP_SETTINGS', `is not valid: ${error.detail}`)
    : error;
}

/** Locks the single row of `deployment`, which exists before any app, so that only one process continues. */
async function lockBootstrap(tx: Tx): Promise<void> {
  await tx.query(sql`SELECT 1 FROM deployment FOR UPDATE`);
}

/**
 * Creates the first app of a new deployment. If several processes start at once, one of them creates it.
 *
 * @returns the created app, or undefined if there was one
 */
export async function bootstrap(services: Services): Promise<FirstApp | undefined> {
  const { config, db } = services;
  if (await someAppExists(db)) return undefined;
  const admin = firstAdmin(services);
  const name = config.bootstrapApp ?? 'demo';
  const app = {
    name,
    displayName: name,
    adminEmail: admin.email,
    adminPassword: admin.password,
    settings: firstSettings(services, admin.isGenerated),
  };
  const prepared = await prepareApp(services, app).catch((error: unknown) => {
    throw nameVariable(error);
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
