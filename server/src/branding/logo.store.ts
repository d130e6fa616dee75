import { type Queryable, type Sql, sql, type Tx } from '../db/db.ts';
import type { Image } from './image.ts';

export interface Logo extends Image {
  readonly bytes: Buffer;
  /** SHA-256 of the bytes. */
  readonly hash: Buffer;
}

interface LogoRow {
  logo: Buffer;
  logo_hash: Buffer;
  logo_type: Image['type'];
  logo_width: number;
  logo_height: number;
}

const columns = sql`logo, logo_hash, logo_type, logo_width, logo_height`;

const toLogo = (row: LogoRow): Logo => ({
  bytes: row.logo,
  hash: row.logo_hash,
  type: row.logo_type,
  width: row.logo_width,
  height: row.logo_height,
});

/** The owner of the logo: the organization, or the app. */
type Owner = string | undefined;

const tableOf = (orgId: Owner): Sql => (orgId === undefined ? sql`app_branding` : sql`organization_branding`);

const isOf = (appId: string, orgId: Owner): Sql =>
  orgId === undefined ? sql`app_id = ${appId}` : sql`app_id = ${appId} AND org_id = ${orgId}`;

/** @param orgId undefined: the logo of the app */
export async function findLogo(db: Queryable, appId: string, orgId?: string): Promise<Logo | undefined> {
  const [row] = await db.query<LogoRow>(
    sql`SELECT ${columns} FROM ${tableOf(orgId)} WHERE ${isOf(appId, orgId)} AND logo IS NOT NULL`,
  );
  return row && toLogo(row);
}

/**
 * The logo of an active app, or of one of its active organizations if the app shows their branding, if it has this
 * hash.
 */
export async function findServedLogo(db: Queryable, appName: string, hash: Buffer): Promise<Logo | undefined> {
  const [row] = await db.query<LogoRow>(sql`
    SELECT ${columns} FROM apps a JOIN app_branding b ON b.app_id = a.id
    WHERE a.name = ${appName} AND a.status = 'ACTIVE' AND b.logo_hash = ${hash}
    UNION ALL
    SELECT ${columns} FROM apps a JOIN organization_branding b ON b.app_id = a.id
    JOIN organizations o ON o.app_id = a.id AND o.id = b.org_id AND o.status = 'Active'
    WHERE a.name = ${appName} AND a.status = 'ACTIVE' AND a.settings -> 'organizationBranding' = 'true'
      AND b.logo_hash = ${hash}
    LIMIT 1`);
  return row && toLogo(row);
}

/** @param stored.orgId undefined: the logo of the app */
export async function storeLogo(
  tx: Tx,
  appId: string,
  { orgId, logo, now }: { orgId?: string; logo: Logo; now: Date },
): Promise<void> {
  const { bytes, hash, type, width, height } = logo;
  const key = orgId === undefined ? sql`app_id` : sql`app_id, org_id`;
  const values = orgId === undefined ? sql`${appId}` : sql`${appId}, ${orgId}`;
  await tx.query(sql`
    INSERT INTO ${tableOf(orgId)} (${key}, look, ${columns}, updated_at)
    VALUES (${values}, '{}', ${bytes}, ${hash}, ${type}, ${width}, ${height}, ${now})
    ON CONFLICT (${key}) DO UPDATE SET logo = excluded.logo, logo_hash = excluded.logo_hash,
      logo_type = excluded.logo_type, logo_width = excluded.logo_width, logo_height = excluded.logo_height,
      updated_at = excluded.updated_at`);
}

/**
 * @param removed.orgId undefined: the logo of the app
 * @returns whether there was a logo
 */
export async function removeLogo(
  tx: Tx,
  appId: string,
  { orgId, now }: { orgId?: string; now: Date },
): Promise<boolean> {
  const rows = await tx.query(sql`
    UPDATE ${tableOf(orgId)} SET logo = NULL, logo_hash = NULL, logo_type = NULL, logo_width = NULL,
      logo_height = NULL, updated_at = ${now}
    WHERE ${isOf(appId, orgId)} AND logo IS NOT NULL RETURNING 1 AS removed`);
  return rows.length > 0;
}
