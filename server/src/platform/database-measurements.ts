import { Counter, Gauge, type Registry } from 'prom-client';
import type { DatabaseFailures } from '../database-failures.ts';
import type { Services } from '../calls/services.ts';
import { type Db, sql } from '../db/db.ts';
import { promptly } from '../promptly.ts';

/** Whether the database accepts changes. After a failover, the former primary does not. */
export async function isReadOnly(db: Db): Promise<boolean> {
  const [row] = await db.query<{ isReadOnly: boolean }>(
    sql`SELECT current_setting('transaction_read_only')::boolean AS "isReadOnly"`,
  );
  return row?.isReadOnly !== false;
}

function measureFailures(failures: DatabaseFailures, registry: Registry): void {
  void new Counter({
    name: 'gatehouse_database_failures_total',
    help: 'Responses with status 503 because of the database, by error code.',
    labelNames: ['code'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [code, count] of Object.entries(failures.counts)) this.inc({ code }, count);
    },
  });
}

/** A sum, so that it shows if one of several processes cannot reach the database. */
function measureState(db: Db, registry: Registry): void {
  const ask = promptly(() => isReadOnly(db));
  void new Gauge({
    name: 'gatehouse_database_up',
    help: '1 if the database answers within a second, otherwise 0.',
    registers: [registry],
    aggregator: 'min',
    async collect() {
      this.set(Number((await ask()) !== undefined));
    },
  });
  void new Gauge({
    name: 'gatehouse_database_read_only',
    help: '1 if the database is read-only; absent if the database does not answer.',
    registers: [registry],
    aggregator: 'max',
    async collect() {
      const answer = await ask();
      if (answer === undefined) this.remove();
      else this.set(Number(answer));
    },
  });
}

/** @param pools the pools by the value of the label `pool` */
function measurePools(pools: ReadonlyMap<string, Db>, registry: Registry): void {
  void new Gauge({
    name: 'gatehouse_database_pool_connections',
    help: 'Connections to the database, in use or idle.',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect() {
      for (const [pool, db] of pools) {
        const { used, idle } = db.load();
        this.set({ pool, state: 'used' }, used);
        this.set({ pool, state: 'idle' }, idle);
      }
    },
  });
  const single = {
    size: 'Maximum number of connections to the database.',
    waiting: 'Calls that wait for a connection.',
  };
  for (const figure of ['size', 'waiting'] as const) {
    void new Gauge({
      name: `gatehouse_database_pool_${figure}`,
      help: single[figure],
      labelNames: ['pool'],
      registers: [registry],
      collect() {
        for (const [pool, db] of pools) this.set({ pool }, db.load()[figure]);
      },
    });
  }
}

/** Measures the database from the view of this process. */
export const databaseMeasurements =
  ({ db, lookupDb, databaseFailures }: Pick<Services, 'db' | 'lookupDb' | 'databaseFailures'>) =>
  (registry: Registry) => {
    measureFailures(databaseFailures, registry);
    measureState(lookupDb, registry);
    const lookups = db === lookupDb ? [] : [['lookups', lookupDb] as const];
    measurePools(new Map([['calls', db], ...lookups]), registry);
  };
