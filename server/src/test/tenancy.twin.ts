import { type Db, join, raw, type Queryable, type Sql, sql } from '../db/db.ts';

/** A table of apps with its writable columns. */
export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
}

/** The rows of one app by table, as JSON. */
export type Rows = ReadonlyMap<string, string>;

/** Texts that do not identify a row. They differ between the two apps, so that a response shows whose rows it read. */
const disguised = new Set(['first_name', 'last_name', 'name', 'display_name', 'user_name', 'label', 'user_agent']);

export type Side = 'ours' | 'theirs';

function valueOf(column: string, side: Side): Sql {
  if (disguised.has(column)) return sql`${side}::text || ':' || md5(r.${raw(column)}) AS ${raw(column)}`;
  if (column === 'metadata') return sql`r.metadata || jsonb_build_object('side', ${`${side}:`}::text) AS metadata`;
  if (column === 'permissions')
    return sql`CASE WHEN r.permissions IS NOT NULL THEN r.permissions || ARRAY[${`${side}:`}::text] END AS permissions`;
  return sql`r.${raw(column)}`;
}

/** The tables whose rows belong to an app. */
export async function tablesOfApps(db: Db): Promise<Table[]> {
  return db.query<Table>(sql`
    SELECT relname::text AS name, array_agg(attname::text) FILTER (WHERE attgenerated = '') AS columns
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
    GROUP BY relname HAVING bool_or(attname = 'app_id') ORDER BY relname`);
}

/** Copies all rows of an app. */
export async function takeRows(db: Queryable, tables: readonly Table[], appId: string): Promise<Rows> {
  const statements = tables.map(
    ({ name }) => sql`
      SELECT ${name}::text AS name, COALESCE(jsonb_agg(to_jsonb(t)), '[]')::text AS rows
      FROM ${raw(name)} t WHERE t.app_id = ${appId}`,
  );
  const taken = await db.query<{ name: string; rows: string }>(join(statements, ' UNION ALL '));
  return new Map(taken.map(({ name, rows }) => [name, rows]));
}

/** Several changes as one statement, so that references are checked at its end. */
const atOnce = (changes: readonly Sql[]): Sql => {
  const parts = changes.map((change, index) => sql`${raw(`part_${index}`)} AS (${change})`);
  return sql`WITH ${join(parts)} SELECT 1`;
};

function insertionOf({ name, columns }: Table, appId: string, json: string, side: Side): Sql {
  const others = columns.filter((column) => column !== 'app_id');
  return sql`
    INSERT INTO ${raw(name)} (app_id, ${raw(others.join(', '))})
    SELECT ${appId}::bigint, ${join(others.map((column) => valueOf(column, side)))}
    FROM jsonb_populate_recordset(NULL::${raw(name)}, ${json}::jsonb) AS r`;
}

/** Deletes everything of an app except its name. */
export async function clearApp(db: Queryable, tables: readonly Table[], appId: string): Promise<void> {
  await db.query(atOnce(tables.map(({ name }) => sql`DELETE FROM ${raw(name)} WHERE app_id = ${appId}`)));
}

/** Replaces the rows of an app by copied rows: the same ids, keys and hashes, other texts. */
export async function fillApp(
  db: Queryable,
  tables: readonly Table[],
  appId: string,
  rows: Rows,
  side: Side,
): Promise<void> {
  await clearApp(db, tables, appId);
  const insertions = tables.flatMap((table) => {
    const json = rows.get(table.name) ?? '[]';
    return json === '[]' ? [] : [insertionOf(table, appId, json, side)];
  });
  if (insertions.length > 0) await db.query(atOnce(insertions));
}
