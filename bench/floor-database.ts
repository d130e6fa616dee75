import { Pool, type PoolClient } from 'pg';
import { type Db, type Queryable, type Sql, sql } from '../server/src/db/db.ts';
import { openDatabase } from '../server/src/db/open.ts';

/** The minimal database work of a request. */
export interface FloorDatabase {
  query(name: string, text: string, values: unknown[]): Promise<unknown[]>;
  transaction(statements: readonly Statement[]): Promise<void>;
}

export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

/** The plain driver for a server. The embedded engine can only be opened with the module of the service. */
export async function openFloorDatabase(env: NodeJS.ProcessEnv): Promise<FloorDatabase> {
  const { DATABASE_URL: url, DATA_DIR: dataDir = '', DATABASE_POOL_SIZE: size } = env;
  if (url !== undefined) return overPool(new Pool({ connectionString: url, max: Number(size) }));
  return overDb(await openDatabase({ dataDir, poolSize: 1, prepare: true }));
}

function overPool(pool: Pool): FloorDatabase {
  return {
    query: async (name, text, values) => (await pool.query({ name, text, values })).rows,
    transaction: async (statements) => {
      const client = await pool.connect();
      try {
        await runTransaction(client, statements);
      } finally {
        client.release();
      }
    },
  };
}

async function runTransaction(client: PoolClient, statements: readonly Statement[]): Promise<void> {
  await client.query('BEGIN');
  for (const statement of statements) await client.query(statement);
  await client.query('COMMIT');
}

/** Converts `$1` statements for the module, which builds its statements from templates. */
function toSql(text: string, values: unknown[]): Sql {
  const strings = text.split(/\$\d+/);
  return sql(Object.assign(strings, { raw: strings }), ...values);
}

function overDb(db: Db): FloorDatabase {
  const run = (on: Queryable, text: string, values: unknown[]) => on.query(toSql(text, values));
  return {
    query: (_name, text, values) => run(db, text, values),
    transaction: (statements) =>
      db.transaction(async (tx) => {
        for (const { text, values } of statements) await run(tx, text, values);
      }),
  };
}
