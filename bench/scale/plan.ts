import { Client } from 'pg';
import type { Sql } from '../../server/src/db/db.ts';

/** A node of a plan, in the format of EXPLAIN (FORMAT JSON). */
interface Node {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Actual Loops': number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly Node[];
}

/** The cost of a request in the database. */
export interface Cost {
  /** Pages of 8 KiB that were read. */
  readonly buffers: number;
  /** Number of index descents. */
  readonly descents: number;
  /** Names of the indexes. */
  readonly indexes: readonly string[];
  /** Tables and indexes of which a node read more rows than any page needs. */
  readonly scanned: readonly string[];
}

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

const rowsRead = (node: Node): number =>
  (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];

function costOf(root: Node): Cost {
  const nodes = nodesOf(root).filter((node) => node['Actual Loops'] > 0);
  const indexed = nodes.filter((node) => node['Index Name'] !== undefined);
  return {
    buffers: root['Shared Hit Blocks'] + root['Shared Read Blocks'],
    descents: indexed.reduce((sum, node) => sum + node['Actual Loops'], 0),
    indexes: indexed.map((node) => node['Index Name'] ?? ''),
    scanned: nodes.filter((node) => rowsRead(node) > 1000).map((node) => node['Relation Name'] ?? node['Node Type']),
  };
}

const add = (one: Cost, other: Cost): Cost => ({
  buffers: one.buffers + other.buffers,
  descents: one.descents + other.descents,
  indexes: [...new Set([...one.indexes, ...other.indexes])],
  scanned: [...new Set([...one.scanned, ...other.scanned])],
});

const nothing: Cost = { buffers: 0, descents: 0, indexes: [], scanned: [] };

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

function toText(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : String(value);
}

const isMissing = (value: unknown): boolean => value === null || value === undefined;

/** A parameter as SQL; the statement determines its type. */
function literal(value: unknown): string {
  if (isMissing(value)) return 'NULL';
  if (!Array.isArray(value)) return quote(toText(value));
  const items = value.map((item: unknown) => (isMissing(item) ? 'NULL' : JSON.stringify(toText(item))));
  return quote(`{${items.join(',')}}`);
}

const reads = /^\s*(?:SELECT|WITH)\b/i;
const writes = /\b(?:INSERT INTO|UPDATE \w+|DELETE FROM)\b/;

/**
 * Executes as a prepared statement that has run before. From the sixth execution on, the server may use a generic plan,
 * as in a service that has run for days.
 */
const warmUps = 6;

async function explain(client: Client, { text, values }: Sql): Promise<Cost> {
  const parameters = values.length === 0 ? '' : `(${values.map(literal).join(', ')})`;
  await client.query(`PREPARE explained AS ${text}`);
  try {
    for (let run = 0; run < warmUps; run += 1) await client.query(`EXECUTE explained${parameters}`);
    const { rows } = await client.query<{ 'QUERY PLAN': readonly [{ Plan: Node }] }>(
      `EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE explained${parameters}`,
    );
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    if (!plan) throw new Error(`no plan of ${text}`);
    return costOf(plan);
  } finally {
    await client.query('DEALLOCATE explained');
  }
}

/** The total cost of the reading statements of a request. */
export async function costOfStatements(url: string, statements: readonly Sql[]): Promise<Cost> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    // One transaction, because a request may set planner options for its later statements.
    await client.query('BEGIN READ ONLY');
    let cost = nothing;
    for (const statement of statements) {
      if (reads.test(statement.text) && !writes.test(statement.text))
        cost = add(cost, await explain(client, statement));
    }
    return cost;
  } finally {
    await client.end();
  }
}
