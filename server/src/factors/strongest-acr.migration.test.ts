import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, sql } from '../db/db.ts';
import { migrate, readMigrations } from '../db/migrate.ts';
import { openEmptyDatabase } from '../test/database.ts';
import { recordWhetherHasFactor } from './factors.store.ts';

/**
 * People from before the column: the kinds of their factors, whether these were confirmed, and the expected strength.
 */
const earlier: readonly [kinds: readonly ('totp' | 'passkey')[], isConfirmed: boolean, acr: number][] = [
  [[], true, 1],
  [['totp'], false, 1],
  [['totp'], true, 2],
  [['passkey'], true, 2],
  [['totp', 'passkey'], true, 2],
];

let db: Db;

beforeAll(async () => {
  db = await openEmptyDatabase();
  const migrations = readMigrations();
  await migrate(
    db,
    migrations.slice(
      0,
      migrations.findIndex(({ name }) => name === 'acr'),
    ),
  );
  const now = new Date();
  await db.query(sql`
    INSERT INTO apps (id, name, display_name, status, settings, created_at, updated_at)
    VALUES (1, 'demo', 'Demo', 'ACTIVE', '{}', ${now}, ${now})`);
  for (const [index, [kinds, isConfirmed]] of earlier.entries()) {
    const email = `person-${index}@example.com`;
    const hasFactor = isConfirmed && kinds.length > 0;
    await db.query(sql`
      INSERT INTO users (app_id, id, email, email_key, is_email_verified, first_name, last_name, state, has_factor,
        created_at, updated_at)
      VALUES (1, ${index}, ${email}, ${email}, true, 'Jon', 'Doe', 'ACTIVE', ${hasFactor}, ${now}, ${now})`);
    for (const kind of kinds) {
      const id = index * 10 + (kind === 'totp' ? 1 : 2);
      const columns =
        kind === 'totp'
          ? sql`'\\x01'::bytea, NULL, NULL, NULL, NULL::text[], NULL::uuid, NULL, NULL`
          : sql`NULL, ${Buffer.from([id])}::bytea, '\\x02'::bytea, 0, '{}'::text[],
              '00000000-0000-0000-0000-000000000000'::uuid, false, false`;
      await db.query(sql`
        INSERT INTO factors (app_id, id, user_id, kind, name, created_at, confirmed_at, sealed_secret, credential_id,
          public_key, counter, transports, aaguid, is_backup_eligible, is_backed_up)
        VALUES (1, ${id}, ${index}, ${kind}, 'Name', ${now}, ${isConfirmed ? now : null}, ${columns})`);
    }
  }
  await migrate(db, migrations);
});
afterAll(() => db?.close());

const strengthOf = async (id: number) => {
  const [row] = await db.query<{ strongest_acr: number; has_factor: boolean }>(sql`
    SELECT strongest_acr, has_factor FROM users WHERE app_id = 1 AND id = ${id}`);
  return row;
};

test.each(earlier.map((row, index) => [index, ...row] as const))(
  'person no. %i of before, with %j (confirmed: %s), has the strength %i, also after the next change of factors',
  async (id, _, __, acr) => {
    const expected = { strongest_acr: acr, has_factor: acr > 1 };
    expect(await strengthOf(id)).toEqual(expected);
    await db.transaction((tx) => recordWhetherHasFactor(tx, '1', String(id)));
    expect(await strengthOf(id)).toEqual(expected);
  },
);
