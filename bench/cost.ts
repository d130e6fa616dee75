import { type Db, sql } from '../server/src/db/db.ts';
import type { Cost, Costed } from './compare.ts';
import type { Measurement } from './load.ts';
import { each, postmasterOf, withProcessorTime } from './processor-time.ts';

/** Measures the cost of the requests of a load besides their time. */
export interface CostMeter {
  /** @param pid process id of the service under load */
  measure(pid: number, load: () => Promise<Measurement>): Promise<Costed>;
}

/** Number of statements of this database since the server started; undefined without the extension. */
type Counter = () => Promise<number | undefined>;

/**
 * @param db a connection to the measured server; undefined for the embedded database, which a second process cannot
 *   open
 */
export async function createCostMeter(db: Db | undefined): Promise<CostMeter> {
  const postmaster = db && postmasterOf(await backendOf(db));
  const count = db ? await createCounter(db) : unknown;
  return {
    measure: async (pid, load) => {
      const before = await count();
      const { result, spent } = await withProcessorTime({ pid, postmaster }, load);
      const after = await count();
      const { answers } = result;
      const statements = before === undefined || after === undefined ? undefined : (after - before) / answers;
      const cost: Cost = { processor: spent && each((part) => spent[part] / answers), statements };
      return { ...result, cost };
    },
  };
}

const unknown: Counter = () => Promise.resolve(undefined);

async function backendOf(db: Db): Promise<number> {
  const [row] = await db.query<{ pid: number }>(sql`SELECT pg_backend_pid() AS pid`);
  return row?.pid ?? Number.NaN;
}

/** Counts statements with `pg_stat_statements`, if the server has loaded it and grants access. */
async function createCounter(db: Db): Promise<Counter> {
  const count = async (): Promise<number> => {
    const [row] = await db.query<{ calls: string }>(sql`
      SELECT COALESCE(sum(calls), 0) AS calls FROM pg_stat_statements
      WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`);
    return Number(row?.calls);
  };
  try {
    await db.query(sql`CREATE EXTENSION IF NOT EXISTS pg_stat_statements`);
    await count();
    return count;
  } catch {
    return unknown;
  }
}
