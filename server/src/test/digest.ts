import { securityActions } from '../access/security-actions.ts';
import { type Db, join, raw, type Sql, sql } from '../db/db.ts';
import { tablesOfApps } from './tenancy.twin.ts';

/** Columns that a refused call may change, by table: counters and times of use. `*`: the whole row. */
const countersOf: Readonly<Record<string, readonly string[]>> = {
  codes: ['tries'],
  code_tries: ['*'],
  rate_limits: ['*'],
  code_tries_in_vain: ['*'],
  sessions: ['last_seen_at', 'idle_expires_at'],
  machine_users: ['last_used_at'],
  machine_secrets: ['last_used_at'],
};

/** Whether a row of `audit_events` records a refusal. A refused call may add such rows and no others. */
export const isSecurityEvent = sql`action = ANY (${Object.keys(securityActions)}::text[])`;

/** Rows that a refused call may add; other tests check which ones. */
const declared: Readonly<Record<string, Sql>> = { audit_events: sql`WHERE NOT ${isSecurityEvent}` };

/** The tables of the schema as the catalog knows them. */
export async function tablesOf(db: Db): Promise<string[]> {
  const rows = await db.query<{ name: string }>(sql`
    SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname`);
  return rows.map((row) => row.name);
}

/** The number of rows and the sum of their hashes, which does not depend on the order and needs no sorting. */
function digestOf(table: string, ignored: readonly string[], where: Sql): Sql {
  if (ignored.includes('*')) return sql`SELECT ${table}::text AS name, '' AS digest`;
  const line = ignored.length === 0 ? sql`t::text` : sql`(to_jsonb(t) - ${[...ignored]}::text[])::text`;
  return sql`
    SELECT ${table}::text AS name, count(*) || ' ' || COALESCE(sum(hashtextextended(${line}, 0)), 0) AS digest
    FROM ${raw(table)} t ${where}`;
}

async function digests(db: Db, statements: readonly Sql[]): Promise<Record<string, string>> {
  const rows = await db.query<{ name: string; digest: string }>(join(statements, ' UNION ALL '));
  return Object.fromEntries(rows.map((row) => [row.name, row.digest]));
}

/**
 * A digest of every table, without the counters that a refusal may increase and the security events that it may write.
 */
export async function digestOfEverything(db: Db): Promise<Record<string, string>> {
  const tables = await tablesOf(db);
  return digests(
    db,
    tables.map((table) => digestOf(table, countersOf[table] ?? [], declared[table] ?? sql``)),
  );
}

/**
 * A digest of every row of one app, including counters, because callers in another app must not change even those.
 *
 * @param only the tables to read; default: all
 */
export async function digestOfApp(db: Db, appId: string, only?: readonly string[]): Promise<Record<string, string>> {
  const tables = only ?? (await tablesOfApps(db)).map(({ name }) => name);
  if (tables.length === 0) return {};
  return digests(
    db,
    tables.map((table) => digestOf(table, [], sql`WHERE t.app_id = ${appId}`)),
  );
}

/** Columns with texts that describe the kind of a row, not its owner. */
const kinds = new Set(['action', 'grants', 'noun', 'purpose', 'role_key', 'state', 'status']);

/** Tables whose number of rows depends on ids, or on the service's memory of refusals. */
const varying = new Set(['app_counts', 'member_counts', 'audit_events', 'rate_limits']);

/**
 * Numbers of rows of an app in these tables, by kind. They are equal after the same call, regardless of the generated
 * ids.
 */
export async function traitsOfApp(db: Db, appId: string, named: readonly string[]): Promise<Record<string, string>> {
  const only = named.filter((table) => !varying.has(table));
  if (only.length === 0) return {};
  const columns = await db.query<{ table: string; name: string; is_flag: boolean }>(sql`
    SELECT relname AS table, attname AS name, atttypid = 'boolean'::regtype AS is_flag
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relname = ANY (${[...only]}::text[]) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`);
  const traitsIn = (table: string) =>
    columns.filter((column) => column.table === table && (column.is_flag || kinds.has(column.name)));
  return digests(
    db,
    only.map((table) => {
      const traits = join([sql`''`, ...traitsIn(table).map(({ name }) => sql`${raw(name)}`)]);
      return sql`
        SELECT ${table}::text AS name,
          count(*) || ' ' || COALESCE(sum(hashtextextended(concat_ws(' ', ${traits}), 0)), 0) AS digest
        FROM ${raw(table)} WHERE app_id = ${appId}`;
    }),
  );
}

/** A digest of every row that contains one of these ids, including counters. */
export async function digestOfRowsNaming(db: Db, ids: readonly string[]): Promise<Record<string, string>> {
  const columns = await db.query<{ table: string; name: string; type: string }>(sql`
    SELECT relname AS table, attname AS name, atttypid::regtype::text AS type
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
      AND atttypid IN ('bigint'::regtype, 'text'::regtype)`);
  const tables = (await tablesOfApps(db)).map(({ name }) => name);
  const isNamedIn = (table: string): Sql => {
    const own = columns.filter((column) => column.table === table);
    const conditions = own.map(({ name, type }) => sql`t.${raw(name)} = ANY (${[...ids]}::${raw(type)}[])`);
    return sql`WHERE ${join(conditions, ' OR ')}`;
  };
  return digests(
    db,
    tables.map((table) => digestOf(table, [], isNamedIn(table))),
  );
}
