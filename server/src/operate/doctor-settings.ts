import { settingsPatch } from '../apps/apps.schema.ts';
import { listStoredSettings, withDefaults } from '../apps/apps.store.ts';
import { settingsWarnings } from '../apps/settings-warnings.ts';
import { checkDefaultTemplates } from '../apps/url-template.ts';
import type { Config } from '../config.ts';
import type { Db } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import { roleKey } from '../roles/roles.schema.ts';
import { listRoleKeys } from '../roles/roles.store.ts';
import { type Finding, warning } from './findings.ts';

/** The reason why a default URL template would be refused now, or undefined. */
function templateFaults(settings: ReturnType<typeof withDefaults>, config: Config): string[] {
  try {
    checkDefaultTemplates(settings, config);
    return [];
  } catch (error) {
    if (error instanceof ApiError) return [`a default URL template is refused: ${error.detail}`];
    throw error;
  }
}

/** Problems of stored settings under the current rules, one sentence each. */
function faultsOf(stored: unknown, config: Config): string[] {
  const parsed = settingsPatch.safeParse(stored);
  if (!parsed.success) {
    return parsed.error.issues.map(
      ({ path, message }) => `${['settings', ...path].join('.')} would be refused now: ${message}`,
    );
  }
  const settings = withDefaults(parsed.data);
  const isPlain = settings.cookieSameSite === 'none' && !config.publicUrl.startsWith('https:');
  const cookie = 'cookieSameSite is "none" while PUBLIC_URL is http, but browsers drop such cookies without https.';
  return [...settingsWarnings(settings, config), ...templateFaults(settings, config), ...(isPlain ? [cookie] : [])];
}

/** Validates the stored settings of all apps by the current rules. */
export async function examineSettings(db: Db, config: Config): Promise<Finding[]> {
  const apps = await listStoredSettings(db);
  return apps.flatMap(({ name, settings }) =>
    faultsOf(settings, config).map((message) => warning(`settings of ${name}`, message)),
  );
}

/** Validates the stored keys of roles by the current rules. */
export async function examineRoles(db: Db): Promise<Finding[]> {
  return (await listRoleKeys(db)).flatMap(({ appName, orgId, key }) => {
    const parsed = roleKey.safeParse(key);
    if (parsed.success) return [];
    const place = orgId === null ? 'a predefined role' : `a role of the organization ${orgId}`;
    const reasons = parsed.error.issues.map(({ message }) => message).join(' ');
    return [warning(`roles of ${appName}`, `"${key}", the key of ${place}, would be refused now: ${reasons}`)];
  });
}
