import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
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

export async function findLogo(db: Queryable, appId: string): Promise<Logo | undefined> {
  const [row] = await db.query<LogoRow>(
    sql`SELECT ${columns} FROM app_branding WHERE app_id = ${appId} AND logo IS NOT NULL`,
  );
  return row && toLogo(row);
}

/** The logo of an active app, if it has this hash. */
export async function findServedLogo(db: Queryable, appName: string, hash: Buffer): Promise<Logo | undefined> {
  const [row] = await db.query<LogoRow>(sql`
    SELECT ${columns} FROM apps a JOIN app_branding b ON b.app_id = a.id
    WHERE a.name = ${appName} AND a.status = 'ACTIVE' AND b.logo_hash = ${hash}`);
  return row && toLogo(row);
}

export async function storeLogo(tx: Tx, appId: string, logo: Logo, now: Date): Promise<void> {
  const { bytes, hash, type, width, height } = logo;
  await tx.query(sql`
    INSERT INTO app_branding (app_id, look, ${columns}, updated_at)
    VALUES (${appId}, '{}', ${bytes}, ${hash}, ${type}, ${width}, ${height}, ${now})
    ON CONFLICT (app_id) DO UPDATE SET logo = excluded.logo, logo_hash = excluded.logo_hash,
      logo_type = excluded.logo_type, logo_width = excluded.logo_width, logo_height = excluded.logo_height,
      updated_at = excluded.updated_at`);
}

/** @returns whether there was a logo */
export async function removeLogo(tx: Tx, appId: string, now: Date): Promise<boolean> {
  const rows = await tx.query(sql`
    UPDATE app_branding SET logo = NULL, logo_hash = NULL, logo_type = NULL, logo_width = NULL, logo_height = NULL,
      updated_at = ${now}
    WHERE app_id = ${appId} AND logo IS NOT NULL RETURNING 1 AS removed`);
  return rows.length > 0;
}
