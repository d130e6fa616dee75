import { isDeepStrictEqual } from 'node:util';
import { LRUCache } from 'lru-cache';
import { isGroup } from '../db/changed-fields.ts';
import type { Db, Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { setIf, setList } from '../db/set-list.ts';
import { ApiError } from '../http/errors.ts';
import { appName, type AppPatch, defaultSettings, type Settings, type SettingsPatch } from './apps.schema.ts';

export interface App {
  readonly id: string;
  readonly name: string;
  readonly displayName: string;
  readonly status: 'ACTIVE' | 'INACTIVE';
  readonly settings: Settings;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface AppRow {
  id: string;
  name: string;
  display_name: string;
  status: App['status'];
  settings: SettingsPatch;
  created_at: Date;
  updated_at: Date;
}

/** The columns of an app that `toApp` reads. */
export const appColumns = sql`id, name, display_name, status, settings, created_at, updated_at`;

/** Applies a patch. Absent settings stay unchanged, also within groups of settings. */
function mergeSettings<Before extends SettingsPatch>(before: Before, patch: SettingsPatch): Before {
  const groups = Object.entries(patch).filter(([, value]) => isGroup(value)) as [keyof SettingsPatch, object][];
  const merged = groups.map(([name, group]) => [name, { ...(before[name] as object | undefined), ...group }]);
  return { ...before, ...patch, ...Object.fromEntries(merged) } as Before;
}

/** The stored settings, completed with defaults. */
export const withDefaults = (stored: SettingsPatch): Settings => mergeSettings(defaultSettings, stored);

/** Converts a row that another statement has read with the columns of `apps`. */
export function toApp(row: AppRow): App {
  return {
    id: row.id,
    name: row.name,
    displayName: row.display_name,
    status: row.status,
    settings: withDefaults(row.settings),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export async function findAppByName(db: Queryable, name: string): Promise<App | undefined> {
  const [row] = await db.query<AppRow>(sql`SELECT ${appColumns} FROM apps WHERE name = ${name}`);
  return row && toApp(row);
}

/** @throws ApiError `app_not_found` */
export async function getApp(db: Queryable, name: string): Promise<App> {
  const found = await findAppByName(db, name);
  if (!found) throw new ApiError('app_not_found');
  return found;
}

export async function findApp(db: Queryable, appId: string): Promise<App | undefined> {
  const [row] = await db.query<AppRow>(sql`SELECT ${appColumns} FROM apps WHERE id = ${appId}`);
  return row && toApp(row);
}

/** Name of the first active app that uses the hosted pages. */
export async function nameOfFirstAppWithPages(db: Queryable): Promise<string | undefined> {
  const [app] = await db.query<{ name: string }>(sql`
    SELECT name FROM apps WHERE status = 'ACTIVE' AND (settings -> 'hostedPages') IS DISTINCT FROM 'false'
    ORDER BY id LIMIT 1`);
  return app?.name;
}

export async function listApps(db: Queryable): Promise<App[]> {
  return (await db.query<AppRow>(sql`SELECT ${appColumns} FROM apps ORDER BY id`)).map(toApp);
}

/** The stored settings of all apps, without defaults. They may violate the present schema. */
export async function listStoredSettings(db: Queryable): Promise<{ name: string; settings: unknown }[]> {
  return db.query(sql`SELECT name, settings FROM apps ORDER BY id`);
}

export async function someAppExists(db: Queryable): Promise<boolean> {
  return (await db.query(sql`SELECT 1 FROM apps LIMIT 1`)).length > 0;
}

/** @throws ApiError `app_name_taken` */
export async function insertApp(
  tx: Tx,
  app: { id: string; name: string; displayName: string; settings: SettingsPatch; now: Date },
): Promise<void> {
  await tx.query(
    sql`
      INSERT INTO apps (id, name, display_name, status, settings, created_at, updated_at)
      VALUES (${app.id}, ${app.name}, ${app.displayName}, 'ACTIVE', ${JSON.stringify(app.settings)}::jsonb, ${app.now},
        ${app.now})`,
    { apps_name_key: 'app_name_taken' },
  );
}

/**
 * Keeps the domain of passkeys while the app has passkeys. The app must be locked already.
 *
 * @throws ApiError `relying_party_in_use` if passkeys are bound to the present domain
 */
async function keepDomainOfPasskeys(
  tx: Tx,
  name: string,
  { before, after }: { before: string | undefined; after: string | undefined },
): Promise<void> {
  if (before === undefined || before === after) return;
  const [row] = await tx.query<{ is_used: boolean }>(sql`
    SELECT EXISTS (SELECT FROM factors f WHERE f.app_id = a.id AND f.credential_id IS NOT NULL) AS is_used
    FROM apps a WHERE a.name = ${name}`);
  if (row?.is_used) throw new ApiError('relying_party_in_use');
}

/** Whether a change of settings does not change the policy about second factors. */
export const keepsPolicy = (after: NonNullable<SettingsPatch['mfa']>, before: Settings['mfa']): boolean =>
  (['policy', 'graceDays', 'rememberDays'] as const).every((name) => (after[name] ?? before[name]) === before[name]) &&
  (after.factors ?? before.factors).toSorted().join() === before.factors.toSorted().join();

/** Conditions on a change of settings. */
interface SettingsRules {
  /** Throws if the new settings are not allowed; gets the new and the old settings. */
  readonly check: (settings: Settings, before: Settings) => void;
  /** The domain to which passkeys are bound with these settings, or undefined. */
  readonly domainOfPasskeys: (settings: Settings) => string | undefined;
}

/**
 * Changes an app. Locks its row, so that concurrent changes of different settings are all kept. A change of the policy
 * about second factors ends all remembered devices.
 *
 * @returns the app after and before the change. `isChanged`: whether a value differed from the stored one. Otherwise
 *   nothing was written
 * @throws ApiError `app_not_found`, `relying_party_in_use`, and every error of `check`
 */
export async function patchApp(
  tx: Tx,
  name: string,
  patch: AppPatch,
  now: Date,
  { check, domainOfPasskeys }: SettingsRules,
): Promise<{ app: App; before: App; isChanged: boolean }> {
  const [before] = await tx.query<AppRow>(sql`SELECT ${appColumns} FROM apps WHERE name = ${name} FOR UPDATE`);
  if (!before) throw new ApiError('app_not_found');
  const settings = mergeSettings(before.settings, patch.settings ?? {});
  const [present, next] = [withDefaults(before.settings), withDefaults(settings)];
  check(next, present);
  const isChanged =
    (patch.displayName ?? before.display_name) !== before.display_name ||
    (patch.status ?? before.status) !== before.status ||
    !isDeepStrictEqual(settings, before.settings);
  if (!isChanged) return { app: toApp(before), before: toApp(before), isChanged };
  await keepDomainOfPasskeys(tx, name, { before: domainOfPasskeys(present), after: domainOfPasskeys(next) });
  const remembered = keepsPolicy(next.mfa, present.mfa) ? 0 : 1;
  const changes = setList(patch, {
    displayName: (displayName) => setIf(sql`display_name`, displayName),
    status: (status) => setIf(sql`status`, status),
    settings: () => sql`settings = ${JSON.stringify(settings)}::jsonb`,
  });
  const [row] = await tx.query<AppRow>(sql`
    UPDATE apps SET ${changes}, remember_version = remember_version + ${remembered}::integer, updated_at = ${now}
    WHERE name = ${name} RETURNING ${appColumns}`);
  if (!row) throw new ApiError('app_not_found');
  return { app: toApp(row), before: toApp(before), isChanged };
}

/** Changes the settings of mails that are part of the branding of the app. Other settings stay as they are. */
export async function patchMailBrand(
  tx: Tx,
  appId: string,
  brand: Pick<Settings['mail'], 'brandName' | 'color'>,
  now: Date,
): Promise<App> {
  const mail = sql`coalesce(settings -> 'mail', '{}') || ${JSON.stringify(brand)}::jsonb`;
  const [row] = await tx.query<AppRow>(sql`
    UPDATE apps SET settings = settings || jsonb_build_object('mail', ${mail}), updated_at = ${now}
    WHERE id = ${appId} RETURNING ${appColumns}`);
  if (!row) throw new ApiError('app_not_found');
  return toApp(row);
}

/** Locks the app until the transaction ends, against other changes of the app as a whole. */
export async function lockApp(tx: Tx, appId: string): Promise<void> {
  await tx.query(sql`SELECT 1 FROM apps WHERE id = ${appId} FOR NO KEY UPDATE`);
}

/** The apps with a retention of audit events, and the retention in days. */
export async function listAuditRetentions(db: Queryable): Promise<{ id: string; days: number }[]> {
  return db.query(sql`
    SELECT id, (settings ->> 'auditRetentionDays')::integer AS days FROM apps
    WHERE settings ->> 'auditRetentionDays' IS NOT NULL ORDER BY id`);
}

/** The number of apps that match redirect URLs by origin, and the names of the oldest ten. */
export async function appsMatchingByOrigin(db: Queryable): Promise<{ total: number; names: string[] }> {
  const rows = await db.query<{ name: string; total: string }>(sql`
    SELECT name, count(*) OVER () AS total FROM apps
    WHERE settings ->> 'redirectMatching' = 'origin' ORDER BY id LIMIT 10`);
  return { total: Number(rows[0]?.total ?? 0), names: rows.map(({ name }) => name) };
}

/** Whether any active app allows calls from pages of this origin. */
export async function originAllowedByAnyApp(db: Queryable, origin: string): Promise<boolean> {
  const rows = await db.query(sql`
    SELECT 1 FROM apps
    WHERE settings -> 'allowedOrigins' @> ${JSON.stringify(origin)}::jsonb AND status = 'ACTIVE' LIMIT 1`);
  return rows.length > 0;
}

/** Name → id of apps. Never stale, because names and ids never change and apps are never deleted. */
export function createAppIds(db: Db): (name: string) => Promise<string | undefined> {
  const known = new LRUCache<string, string>({ max: 10_000 });
  return async (name) => {
    const cached = known.get(name);
    if (cached !== undefined) return cached;
    // A name in a path is not validated yet, and the database refuses some characters.
    if (!appName.safeParse(name).success) return undefined;
    const [row] = await db.query<{ id: string }>(sql`SELECT id FROM apps WHERE name = ${name}`);
    if (row) known.set(name, row.id);
    return row?.id;
  };
}
