import { setTimeout as delay } from 'node:timers/promises';
import type { ClientBase, QueryConfig, QueryResult } from 'pg';
import { DatabaseError, type Sql, type Tx, type UniqueViolations } from './db.ts';
import { breaksConnection, isRepeatable, isUnanswered, translate, translateOutcome } from './driver-errors.ts';
import type { Preparer } from './statements.ts';

/** The state in which a connection is returned to the pool. */
export interface ConnectionState {
  /** The connection must not be reused. */
  readonly isBroken: boolean;
  /** The server may still execute a statement other than a COMMIT. */
  readonly isUnanswered: boolean;
}

/** A connection for exclusive use. */
export interface Lease {
  readonly client: ClientBase;
  release(state: ConnectionState): void;
}

const maximumRetries = 3;
const noTimeLimit = 2 ** 31 - 1;
const withoutTimeLimits =
  'SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0';

/**
 * Runs `work` in a transaction on a connection from `acquire`. Retries on a new connection after a serialization
 * failure or deadlock.
 */
export async function transact<Result>(
  acquire: () => Promise<Lease>,
  prepare: Preparer,
  work: (tx: Tx) => Promise<Result>,
): Promise<Result> {
  for (let retries = 0; ; retries += 1) {
    try {
      return await attempt(await acquire(), prepare, work);
    } catch (error) {
      if (retries === maximumRetries || !isRepeatable(error)) throw error;
      await delay(Math.random() * 20 * (retries + 1));
    }
  }
}

async function attempt<Result>(lease: Lease, prepare: Preparer, work: (tx: Tx) => Promise<Result>): Promise<Result> {
  const tx = new OpenTransaction(lease.client, prepare);
  try {
    await tx.begin();
    const result = await work(tx);
    await tx.commit();
    return result;
  } catch (error) {
    await tx.rollback();
    throw error;
  } finally {
    lease.release({ isBroken: tx.broken, isUnanswered: tx.unanswered });
  }
}

class OpenTransaction implements Tx {
  readonly isTransaction = true;
  /** Whether the state of the connection is unknown. */
  broken = false;
  /** Whether the server may still execute a statement other than a COMMIT. */
  unanswered = false;
  #open = true;
  #isUnlimited = false;
  readonly #texts: string[] = [];
  readonly #client: ClientBase;
  readonly #prepare: Preparer;

  constructor(client: ClientBase, prepare: Preparer) {
    this.#client = client;
    this.#prepare = prepare;
  }

  async query<Row>(statement: Sql, uniqueViolations?: UniqueViolations): Promise<Row[]> {
    this.#assertOpen();
    const config = this.#prepare(statement);
    this.#texts.push(config.text);
    const timed = this.#isUnlimited ? { ...config, query_timeout: noTimeLimit } : config;
    const result = await this.#send(timed, (error) => translate(error, uniqueViolations));
    return result.rows;
  }

  async script(text: string): Promise<void> {
    this.#assertOpen();
    await this.liftTimeLimits();
    this.#texts.push(text);
    await this.#send({ text, query_timeout: noTimeLimit });
  }

  async liftTimeLimits(): Promise<void> {
    if (this.#isUnlimited) return;
    this.#isUnlimited = true;
    await this.#send({ text: withoutTimeLimits });
  }

  async begin(): Promise<void> {
    await this.#send({ text: 'BEGIN ISOLATION LEVEL READ COMMITTED' });
  }

  async commit(): Promise<void> {
    this.#open = false;
    const result = await this.#send({ text: 'COMMIT' }, (error) => translateOutcome(error, this.#texts));
    // After a failed statement, the server responds to a COMMIT with ROLLBACK and without an error.
    if (result.command === 'ROLLBACK') {
      throw new DatabaseError('A statement of the transaction failed, so it was rolled back', '25P02', undefined);
    }
  }

  /** Never throws, because the relevant error is thrown already. */
  async rollback(): Promise<void> {
    this.#open = false;
    if (this.broken) return;
    await this.#send({ text: 'ROLLBACK' }).catch(() => {
      this.broken = true;
    });
  }

  #send(
    config: QueryConfig & { query_timeout?: number },
    explain = (error: unknown) => translate(error),
  ): Promise<QueryResult> {
    return new Promise((resolve, reject) => {
      this.#client.query(config, (error: Error | null, result: QueryResult) => {
        if (error === null) return resolve(result);
        if (breaksConnection(error)) this.broken = true;
        if (isUnanswered(error) && config.text !== 'COMMIT') this.unanswered = true;
        return reject(explain(error));
      });
    });
  }

  /** Rejects queries after the end, because a query that was not awaited would run in another caller's transaction. */
  #assertOpen(): void {
    if (!this.#open) throw new Error('The transaction has ended: was a query in it not awaited?');
  }
}
