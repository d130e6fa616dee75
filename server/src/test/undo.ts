import { raw, type Db, type Queryable, type Sql, type Tx } from '../db/db.ts';
import { Gate } from '../db/gate.ts';

/** A database whose changes can be undone. */
export interface UndoableDb extends Db {
  /** Undoes the changes of `work`, also after a failure. */
  undo<Result>(work: () => Promise<Result>): Promise<Result>;
}

/** Carries a result out of the transaction that is rolled back. */
class Undone<Result> extends Error {
  readonly result: Result;

  constructor(result: Result) {
    super('taken back');
    this.result = result;
  }
}

/**
 * Lets tests undo their changes of `db`, which is faster than restoring the rows. Meanwhile everything runs in one
 * transaction, with inner transactions as savepoints, sequentially, as on the embedded database.
 *
 * @example
 * const db = undoable(await openTestDatabase());
 * await db.undo(() => db.query(sql`DELETE FROM sessions`)); // and they are all there again
 */
export function undoable(db: Db): UndoableDb {
  let open: Undoing | undefined;
  let times = 0;

  /** Removes the dead rows from time to time, because every scan would read them. On a server, autovacuum does. */
  async function clean(): Promise<void> {
    times += 1;
    if (db.engine === 'embedded' && times % 10 === 0) await db.query(raw('VACUUM'));
  }

  async function begin<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await db.transaction(async (tx) => {
        open = new Undoing(tx);
        try {
          throw new Undone(await work());
        } finally {
          await open.end();
          open = undefined;
        }
      });
    } catch (error) {
      if (error instanceof Undone) return error.result as Result;
      throw error;
    } finally {
      await clean();
    }
  }

  const made: UndoableDb = {
    engine: db.engine,
    load: () => db.load(),
    query: (...args) => (open ?? db).query(...args),
    transaction: (work) => (open ?? db).transaction(work),
    undo: (work) => (open ? open.undo(work) : begin(work)),
    close: () => {
      all.delete(made);
      return db.close();
    },
  };
  all.add(made);
  return made;
}

/** All open databases. */
const all = new Set<UndoableDb>();

/** Like {@link UndoableDb.undo}, for every open database. */
export const undoEverywhere = <Result>(work: () => Promise<Result>): Promise<Result> =>
  [...all].reduce((inner, db) => () => db.undo(inner), work)();

/** Reads do not fail and change nothing, so they need no savepoint. That saves two of three round trips. */
const isRead = ({ strings: [start = ''] }: Sql): boolean => start.trimStart().startsWith('SELECT ');

/** Marks code inside the transaction that will be rolled back. */
class Undoing {
  readonly #tx: Tx;
  readonly #gate = new Gate();
  #savepoints = 0;

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  query<Row>(...args: Parameters<Queryable['query']>): Promise<Row[]> {
    return isRead(args[0])
      ? this.#alone((tx) => tx.query<Row>(...args))
      : this.transaction((tx) => tx.query<Row>(...args));
  }

  transaction<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> {
    return this.#alone(() => this.#toSavepoint(work, 'RELEASE'));
  }

  async #alone<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> {
    const { release } = await this.#gate.hold();
    try {
      return await work(this.#tx);
    } finally {
      release();
    }
  }

  undo<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#toSavepoint(work, 'ROLLBACK TO');
  }

  /** Waits for running statements. */
  async end(): Promise<void> {
    const { release } = await this.#gate.hold();
    release();
  }

  async #toSavepoint<Result>(work: (tx: Tx) => Promise<Result>, atItsEnd: 'RELEASE' | 'ROLLBACK TO'): Promise<Result> {
    const name = `savepoint_${(this.#savepoints += 1)}`;
    await command(this.#tx, `SAVEPOINT ${name}`);
    try {
      const result = await work(this.#tx);
      await command(this.#tx, `${atItsEnd} ${name}`);
      return result;
    } catch (error) {
      await command(this.#tx, `ROLLBACK TO ${name}`);
      throw error;
    } finally {
      this.#savepoints -= 1;
    }
  }
}

const command = (tx: Queryable, text: string): Promise<unknown> => tx.query(raw(text));
