import { type App, type AppRow, appColumns, toApp } from '../apps/apps.store.ts';
import { type Queryable, type Sql, sql, type Tx } from '../db/db.ts';
import type { AppLook } from './branding.schema.ts';

export const defaultLook: AppLook = {
  primaryColorDark: null,
  radius: null,
  font: null,
  logoBackground: null,
  texts: null,
  termsUrl: null,
  privacyUrl: null,
  supportUrl: null,
  methods: null,
};

const toLook = (stored: Partial<AppLook> | null): AppLook => ({ ...defaultLook, ...stored });

/** Address and size of a logo. */
export interface LogoReference {
  readonly hash: Buffer;
  readonly width: number;
  readonly height: number;
}

/** An app with its branding. */
export interface BrandedApp {
  readonly app: App;
  readonly look: AppLook;
  readonly logo: LogoReference | undefined;
}

export interface BrandedRow extends AppRow {
  look: Partial<AppLook> | null;
  logo_hash: Buffer | null;
  logo_width: number;
  logo_height: number;
}

export const toLogoReference = (row: Pick<BrandedRow, 'logo_hash' | 'logo_width' | 'logo_height'>) =>
  row.logo_hash ? { hash: row.logo_hash, width: row.logo_width, height: row.logo_height } : undefined;

export const toBrandedApp = (row: BrandedRow): BrandedApp => ({
  app: toApp(row),
  look: toLook(row.look),
  logo: toLogoReference(row),
});

/** The FROM clause of an app `a` and its branding `b`. */
export const brandedAppNamed = (name: string): Sql => sql`
  (SELECT ${appColumns} FROM apps WHERE name = ${name}) a LEFT JOIN app_branding b ON b.app_id = a.id`;

/** The columns of a {@link BrandedRow}. */
export const brandedColumns = sql`a.*, b.look, b.logo_hash, b.logo_width, b.logo_height`;

/** The fields to change; null restores a default. */
export type LookPatch = { readonly [Field in keyof AppLook]?: AppLook[Field] | undefined };

/** Reads the app and its branding with one statement. */
export async function findBrandedApp(db: Queryable, name: string): Promise<BrandedApp | undefined> {
  const [row] = await db.query<BrandedRow>(sql`SELECT ${brandedColumns} FROM ${brandedAppNamed(name)}`);
  return row && toBrandedApp(row);
}

export async function findAppLook(db: Queryable, appId: string): Promise<AppLook> {
  const [row] = await db.query<{ look: Partial<AppLook> }>(sql`SELECT look FROM app_branding WHERE app_id = ${appId}`);
  return toLook(row?.look ?? null);
}

/** Changes the branding of an app. Concurrent changes of different fields are kept. @returns the changed branding */
export async function patchAppLook(tx: Tx, appId: string, patch: LookPatch, now: Date): Promise<AppLook> {
  const change = JSON.stringify(patch);
  const [row] = await tx.query<{ look: Partial<AppLook> }>(sql`
    INSERT INTO app_branding (app_id, look, updated_at)
    VALUES (${appId}, jsonb_strip_nulls(${change}::jsonb), ${now})
    ON CONFLICT (app_id) DO UPDATE
    SET look = jsonb_strip_nulls(app_branding.look || ${change}::jsonb), updated_at = ${now}
    RETURNING look`);
  return toLook(row?.look ?? null);
}
