import type { Db, Queryable, Tx } from '../db/db.ts';

/** A database that records its statements. */
export interface RecordingDb extends Db {
  /** The texts of the statements since the last call, in order; `BEGIN` stands for a transaction. */
  take(): string[];
}

/**
 * Records the statements sent to `db`, to count the cost of a request and find the tables that it reads.
 *
 * @example
 * const db = recordingDb(await openTestDatabase());
 * const app = await buildTestApp({ db });
 * db.take();
 * await world.call('GET', '/v1/authentication/users/me', { token });
 * expect(db.take()).toHaveLength(1);
 */
export function recordingDb(db: Db): RecordingDb {
  let statements: string[] = [];
  const recorded = (inner: Queryable): Queryable['query'] => {
    return <Row>(...args: Parameters<Queryable['query']>) => {
      statements.push(args[0].text);
      return inner.query<Row>(...args);
    };
  };
  const inTransaction = (tx: Tx): Tx => ({
    isTransaction: true,
    query: recorded(tx),
    script: (text) => tx.script(text),
    liftTimeLimits: () => tx.liftTimeLimits(),
  });
  return {
    engine: db.engine,
    load: () => db.load(),
    query: recorded(db),
    transaction: (work) => {
      statements.push('BEGIN');
      return db.transaction((tx) => work(inTransaction(tx)));
    },
    close: () => db.close(),
    take: () => {
      const taken = statements;
      statements = [];
      return taken;
    },
  };
}
