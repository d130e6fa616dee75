import { once } from 'node:events';
import { Client } from 'pg';
import { from } from 'pg-copy-streams';

/** A value of a row. Values other than text are in PostgreSQL syntax. */
type Value = string | number | bigint | boolean | Date | null;

const special: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function encode(value: Value): string {
  if (value === null) return '\\N';
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'string') return String(value);
  return value.replace(/[\\\n\r\t]/g, (character) => special[character] ?? character);
}

const chunkLength = 1 << 16;

/**
 * Runs `work` with a separate connection on which foreign keys are not checked, because the generator creates only
 * valid references.
 */
export async function withLoader<Result>(url: string, work: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("SET session_replication_role = replica; SET maintenance_work_mem = '512MB'");
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Fills a table by COPY, in the order of the rows. @returns the number of rows */
export async function copy(
  client: Client,
  table: string,
  columns: readonly string[],
  rows: Iterable<readonly Value[]>,
): Promise<number> {
  const stream = client.query(from(`COPY ${table} (${columns.join(', ')}) FROM STDIN`));
  let [count, chunk] = [0, ''];
  for (const row of rows) {
    chunk += `${row.map(encode).join('\t')}\n`;
    count += 1;
    if (chunk.length < chunkLength) continue;
    if (!stream.write(chunk)) await once(stream, 'drain');
    chunk = '';
  }
  stream.end(chunk);
  await once(stream, 'finish');
  return count;
}

/** Builds the indexes without a constraint after `fill` instead of row by row, which is many times faster. */
export async function withoutIndexes(client: Client, tables: readonly string[], fill: () => Promise<void>) {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT i.indexname AS name, i.indexdef AS definition FROM pg_indexes i
     WHERE i.schemaname = 'public' AND i.tablename = ANY ($1)
       AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexname::regclass)`,
    [tables],
  );
  for (const { name } of rows) await client.query(`DROP INDEX ${name}`);
  await fill();
  for (const { definition } of rows) await client.query(definition);
}
