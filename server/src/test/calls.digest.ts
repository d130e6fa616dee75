import { securityActions } from '../audit/security-actions.ts';
import { type Db, join, raw, type Sql, sql } from '../db/db.ts';
import { tablesOfApps } from './tenancy.twin.ts';

/** What a refused call may touch all the same: counters and times of use, by table. `*`: the whole row. */
const countersOf: Readonly<Record<string, readonly string[]>> = {
  codes: ['tries'],
  code_tries: ['*'],
  rate_limits: ['*'],
  code_tries_in_vain: ['*'],
  sessions: ['last_seen_at', 'idle_expires_at'],
  machine_users: ['last_used_at'],
  machine_secrets: ['last_used_at'],
};

/** Whether a row of `audit_events` tells of a refusal: those a refused call may add, and no others. */
export const isSecurityEvent = sql`action = ANY (${Object.keys(securityActions)}::text[])`;

/** Rows that a refused call may add; what exactly it adds is a matter of its own. */
const declared: Readonly<Record<string, Sql>> = { audit_events: sql`WHERE NOT ${isSecurityEvent}` };

/** The tables of the schema as the catalog knows them. */
export async function tablesOf(db: Db): Promise<string[]> {
  const rows = await db.query<{ name: string }>(sql`
    SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name`);
  return rows.map((row) => row.name);
}

function digestOf(table: string, ignored: readonly string[], where: Sql): Sql {
  if (ignored.includes('*')) return sql`SELECT ${table}::text AS name, '' AS digest`;
  return sql`
    SELECT ${table}::text AS name, md5(COALESCE(string_agg(line, chr(10) ORDER BY line COLLATE "C"), '')) AS digest
    FROM (SELECT (to_jsonb(t) - ${[...ignored]}::text[])::text AS line FROM ${raw(table)} t ${where}) AS lines`;
}

async function digests(db: Db, statements: readonly Sql[]): Promise<Record<string, string>> {
  const rows = await db.query<{ name: string; digest: string }>(join(statements, ' UNION ALL '));
  return Object.fromEntries(rows.map((row) => [row.name, row.digest]));
}

/** A digest of every table, blind to the counters that a refusal may raise and to the security events it may write. */
export async function digestOfEverything(db: Db): Promise<Record<string, string>> {
  const tables = await tablesOf(db);
  return digests(
    db,
    tables.map((table) => digestOf(table, countersOf[table] ?? [], declared[table] ?? sql``)),
  );
}

/** A digest of every row of one app, counters included: whoever calls in another app must not touch even those. */
export async function digestOfApp(db: Db, appId: string): Promise<Record<string, string>> {
  const tables = (await tablesOfApps(db)).map(({ name }) => name);
  return digests(
    db,
    tables.map((table) => digestOf(table, [], sql`WHERE t.app_id = ${appId}`)),
  );
}

/** A digest of every row that names one of these ids, counters included. */
export async function digestOfRowsNaming(db: Db, ids: readonly string[]): Promise<Record<string, string>> {
  const tables = (await tablesOfApps(db)).map(({ name }) => name);
  const isNamed = sql`WHERE EXISTS (SELECT FROM jsonb_each_text(to_jsonb(t)) AS field WHERE field.value = ANY (${[...ids]}::text[]))`;
  return digests(
    db,
    tables.map((table) => digestOf(table, [], isNamed)),
  );
}
