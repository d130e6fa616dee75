import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { DatabaseClock } from './database-clock.ts';
import { DatabaseUnavailableError, sql, type Db, type Sql } from './db/db.ts';

/** Generates ids: decimal strings whose numeric order is the order of creation. */
export interface IdSource {
  /**
   * The next id.
   *
   * @throws DatabaseUnavailableError if the lease on the node number has expired
   */
  next(): string;
  /** How long ids can still be generated without the database, in milliseconds; negative if the lease has expired. */
  remainingMs(): number;
}

/** An id source with an exclusive lease of its node number. */
export interface LeasedIdSource extends IdSource {
  /** Returns the node number. */
  close(): Promise<void>;
}

/** Duration of a lease, and interval of its renewal. */
export interface LeaseOptions {
  /** The clock for ids. Each renewal reads the database's clock for it. */
  readonly clock?: DatabaseClock;
  readonly leaseMs?: number;
  readonly renewEveryMs?: number;
}

/** Dependencies of an id source. Times are in milliseconds since 1970. */
export interface IdSourceOptions {
  readonly node: number;
  readonly now?: () => number;
  /** Ids have an earlier time than this. */
  readonly until?: number;
  /** Ids have a later time than this. */
  readonly after?: number;
}

const epochMs = Date.UTC(2026, 0, 1);
const nodeBits = 10n;
const sequenceBits = 12n;
const lastSequence = 4095;
const retryMs = 1_000;

/**
 * An id source with a fixed node number, 0 to 1023. An id has 41 bits of milliseconds since 2026, 10 bits of node and
 * 12 bits of sequence: 18 decimal digits from October 2026 until 2033, always less than 2^63.
 *
 * @example
 *   const ids = createIdSource({ node: 1 });
 *   ids.next(); // '118714216448839680'
 */
export function createIdSource(options: IdSourceOptions): IdSource {
  return new Snowflake(options);
}

/**
 * Leases a node number from the table `node_leases` and renews the lease.
 *
 * Ids carry the database's time, which is read with each renewal and advanced by this machine's monotonic clock. So
 * machines need not agree about the time. A lease starts after the last time for which the previous lease could
 * generate ids, so two holders of a number never generate the same id.
 *
 * If the database's clock is set back, another number is leased. Ids continue above the latest one, ahead of the clock,
 * until the clock has caught up. The lease then lasts from the time of the latest id.
 *
 * @example
 *   const ids = await leaseNode(db);
 *   const id = ids.next();
 *   await ids.close();
 *
 * @throws DatabaseUnavailableError if the database cannot be reached or every number is taken
 */
export async function leaseNode(db: Db, options: LeaseOptions = {}): Promise<LeasedIdSource> {
  const lease = new NodeLease(db, options);
  await lease.start();
  return lease;
}

class Snowflake implements IdSource {
  readonly node: number;
  until: number;
  readonly #now: () => number;
  #last: number;
  #sequence = lastSequence;
  /** Time and node of `#last`, precomputed: each id then takes one addition. */
  #base = 0n;

  constructor({ node, now = Date.now, until = Number.POSITIVE_INFINITY, after = 0 }: IdSourceOptions) {
    this.node = node;
    this.#now = now;
    this.until = until;
    this.#last = after;
  }

  /** The time of the newest id. */
  get last(): number {
    return this.#last;
  }

  next(): string {
    const now = this.#now();
    if (now > this.#last) this.#enter(now);
    else if (this.#sequence === lastSequence) this.#enter(this.#last + 1);
    else this.#sequence += 1;
    return (this.#base + BigInt(this.#sequence)).toString();
  }

  remainingMs(): number {
    return this.until - Math.max(this.#now(), this.#last);
  }

  /** No further id is generated, not even in the current millisecond. */
  stop(): void {
    this.until = 0;
    this.#sequence = lastSequence;
  }

  /** If the clock was set back, or more than 4096 ids per millisecond were generated, ids run ahead of the clock. */
  #enter(time: number): void {
    if (time >= this.until) throw new DatabaseUnavailableError('The lease on the node number for ids has run out');
    this.#last = time;
    this.#sequence = 0;
    this.#base = ((BigInt(time - epochMs) << nodeBits) | BigInt(this.node)) << sequenceBits;
  }
}

interface LeaseRow {
  id: number;
  now: string;
  until: string;
}

class NodeLease implements LeasedIdSource {
  readonly #db: Db;
  readonly #clock: DatabaseClock;
  readonly #leaseMs: number;
  readonly #renewEveryMs: number;
  readonly #holder = randomUUID();
  #source = new Snowflake({ node: 0, until: 0 });
  /** The database's clock was set back after the number was leased. */
  #isSetBack = false;
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> | undefined;
  #closed = false;

  constructor(db: Db, { clock = new DatabaseClock(), leaseMs = 60_000, renewEveryMs = 15_000 }: LeaseOptions) {
    this.#db = db;
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#renewEveryMs = renewEveryMs;
  }

  async start(): Promise<void> {
    await this.#take();
    this.#schedule(this.#renewEveryMs);
  }

  next(): string {
    return this.#source.next();
  }

  remainingMs(): number {
    return this.#source.remainingMs();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#renewal;
    const free = Math.max(this.#source.last + 1, 0);
    this.#source.stop();
    await this.#db.query(sql`
      UPDATE node_leases SET holder = NULL, leased_until = LEAST(leased_until, to_timestamp(${free}::float8 / 1000))
      WHERE id = ${this.#source.node} AND holder = ${this.#holder}`);
  }

  /**
   * Skips rows that other processes are leasing, so that many processes can start at once. The margin of a few
   * milliseconds covers rounding.
   */
  async #take(): Promise<void> {
    const row = await this.#ask(sql`
      WITH free AS MATERIALIZED (
        SELECT id FROM node_leases WHERE leased_until < clock_timestamp() - interval '5 ms'
        ORDER BY leased_until, id LIMIT 1 FOR UPDATE SKIP LOCKED)
      UPDATE node_leases n SET holder = ${this.#holder}, leased_until = ${this.#leaseEnd()}
      FROM free WHERE n.id = free.id
      RETURNING n.id, ${leaseTimes}`);
    if (row === undefined) throw new DatabaseUnavailableError('Every node number for ids is leased');
    this.#isSetBack = false;
    const now = () => Math.floor(this.#clock.milliseconds());
    this.#source = new Snowflake({ node: row.id, now, until: Number(row.until), after: this.#source.last });
  }

  /**
   * An expired lease is still valid if no other process took the number. If the number was taken, another number is
   * leased. The same happens if the number was leased before the clock was set back, so that the table keeps ids
   * unique, and not the memory of this process.
   */
  async #renew(): Promise<void> {
    const row = await this.#ask(sql`
      UPDATE node_leases SET leased_until = GREATEST(leased_until, ${this.#leaseEnd()})
      WHERE id = ${this.#source.node} AND holder = ${this.#holder}
      RETURNING id, ${leaseTimes}`);
    if (row === undefined || this.#isSetBack) await this.#take();
    else this.#source.until = Number(row.until);
  }

  /** Counted from now, or from the latest id if ids are ahead of the clock. */
  #leaseEnd(): Sql {
    return sql`(GREATEST(clock_timestamp(), to_timestamp(${this.#source.last}::float8 / 1000))
      + ${this.#leaseMs} * interval '1 ms')`;
  }

  async #ask(statement: Sql): Promise<LeaseRow | undefined> {
    const sentAt = performance.now();
    const [row] = await this.#db.query<LeaseRow>(statement);
    const receivedAt = performance.now();
    if (row && this.#clock.adopt({ databaseMs: Number(row.now), sentAt, receivedAt })) this.#isSetBack = true;
    return row;
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#renewal = this.#renew().then(
        () => this.#schedule(this.#renewEveryMs),
        () => this.#schedule(Math.min(retryMs, this.#renewEveryMs)),
      );
    }, delayMs);
    this.#timer.unref();
  }
}

/** Whole milliseconds, rounded down, as text, because a bigint has no other safe representation. */
const leaseTimes = sql`
  floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now,
  floor(extract(epoch FROM leased_until) * 1000)::bigint AS until`;

/** An id that no row has. A lookup by it costs the same as a lookup that finds a row. */
export const unusedId = '0';
