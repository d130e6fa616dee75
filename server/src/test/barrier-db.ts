import type { Db, Queryable } from '../db/db.ts';

/** A statement that waits at a barrier. */
interface Held {
  /** Resolves when the statement has arrived. */
  readonly reached: Promise<void>;
  /** Lets the statement go on. */
  readonly release: () => void;
}

interface Barrier {
  readonly text: string;
  readonly when: 'before' | 'after';
  readonly arrive: () => void;
  readonly released: Promise<void>;
}

/** A database whose statements a test can stop. */
export interface BarrierDb extends Db {
  /**
   * Stops the next statement that contains `text`: before it is sent, or after its result has arrived. Other statements
   * outside of transactions go on.
   *
   * @example
   * const held = db.hold('JOIN sessions', 'before');
   * const answer = world.call('GET', '/v1/authentication/users/me', { token }).then((response) => response);
   * await held.reached;
   * held.release();
   */
  hold(text: string, when: 'before' | 'after'): Held;
}

function signal(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = (): void => {};
  const given = new Promise<void>((resolve) => (give = resolve));
  return { given, give: () => give() };
}

/** Adds barriers to a database. No connection is held while a statement waits. */
export function barrierDb(db: Db): BarrierDb {
  let barrier: Barrier | undefined;

  const query: Queryable['query'] = async <Row>(...args: Parameters<Queryable['query']>) => {
    if (!barrier || !args[0].text.includes(barrier.text)) return db.query<Row>(...args);
    const { when, arrive, released } = barrier;
    barrier = undefined;
    const pass = async () => {
      arrive();
      await released;
    };
    if (when === 'before') await pass();
    const rows = await db.query<Row>(...args);
    if (when === 'after') await pass();
    return rows;
  };

  return {
    engine: db.engine,
    load: () => db.load(),
    query,
    transaction: (work) => db.transaction(work),
    close: () => db.close(),
    hold(text, when) {
      const reached = signal();
      const released = signal();
      barrier = { text, when, arrive: reached.give, released: released.given };
      return { reached: reached.given, release: released.give };
    },
  };
}
