import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Db, sql } from '../db/db.ts';
import { migrate, readMigrations } from '../db/migrate.ts';
import { openEmptyDatabase } from '../test/database.ts';

let db: Db;

beforeEach(async () => {
  db = await openEmptyDatabase();
});
afterEach(() => db.close());

const indexes = () =>
  db.query<{ name: string; oid: number; valid: boolean }>(sql`
    SELECT relname AS name, indexrelid::integer AS oid, indisvalid AS valid
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE indrelid = 'audit_events'::regclass AND relname LIKE 'audit\\_events\\_by\\_%' ORDER BY relname`);

test('indexes of the audit that were built before are kept, those whose building failed are built again', async () => {
  const migrations = readMigrations();
  const building = migrations.findIndex(({ name }) => name === 'audit_indexes');
  await migrate(db, migrations.slice(0, building));
  await db.transaction((tx) => tx.script(migrations[building]?.sql ?? ''));
  // An invalid index, which a failed CREATE INDEX CONCURRENTLY leaves.
  await db.query(sql`
    UPDATE pg_index SET indisvalid = false FROM pg_class
    WHERE pg_class.oid = indexrelid AND relname LIKE 'audit\\_events\\_by\\_%'
      AND relname <> 'audit_events_by_action'`);
  const before = await indexes();
  expect(before.filter(({ valid }) => valid).map(({ name }) => name)).toEqual(['audit_events_by_action']);

  await migrate(db, migrations);
  const after = await indexes();
  expect(after.map(({ name, valid }) => [name, valid])).toEqual(before.map(({ name }) => [name, true]));
  const kept = after.filter(({ oid }) => before.some((index) => index.oid === oid));
  expect(kept.map(({ name }) => name)).toEqual(['audit_events_by_action']);
});
