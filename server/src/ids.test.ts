import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DatabaseUnavailableError, sql, type Db } from './db/db.ts';
import { createIdSource, leaseNode, type IdSource, type LeasedIdSource, type LeaseOptions } from './ids.ts';
import { startChild } from './test/child-process.ts';
import { openEmptyDatabase, urlOfDatabase } from './test/database.ts';
import { type SkewedDatabase, skewClock } from './test/skewed-clock.ts';

const day = 24 * 3_600_000;
const instant = Date.UTC(2026, 10, 24);

describe('ids', () => {
  test('have 18 digits and carry time, node and sequence', () => {
    const ids = createIdSource({ node: 7, now: () => instant });
    const id = ids.next();
    expect(id).toMatch(/^[1-9][0-9]{17}$/);
    expect(BigInt(id)).toBe((BigInt(instant - Date.UTC(2026, 0, 1)) << 22n) | (7n << 12n));
    expect(BigInt(ids.next()) - BigInt(id)).toBe(1n);
  });

  test('fit a signed 64-bit integer until 2095', () => {
    const id = createIdSource({ node: 1023, now: () => Date.UTC(2095, 0, 1) }).next();
    expect(BigInt(id) < 2n ** 63n).toBe(true);
  });

  test('are in order, also when many are created in a millisecond', () => {
    const ids = createIdSource({ node: 1, now: () => instant });
    expect(isOrdered(take(ids, 20_000))).toBe(true);
  });

  test.each([1, 30_000, 24 * 3_600_000])('stay in order when the clock is set back by %i ms', (milliseconds) => {
    let now = instant;
    const ids = createIdSource({ node: 1, now: () => now });
    const before = take(ids, 10);
    now -= milliseconds;
    expect(isOrdered([...before, ...take(ids, 10_000)])).toBe(true);
  });

  test('are not scheduled for the time at which the lease ends', () => {
    let now = instant;
    const ids = createIdSource({ node: 1, now: () => now, until: instant + 2 });
    now += 1;
    take(ids, 4_096);
    expect(() => ids.next()).toThrow(DatabaseUnavailableError);
  });

  test('are created at more than 500,000 per second', () => {
    const ids = createIdSource({ node: 1 });
    take(ids, 100_000);
    const start = performance.now();
    take(ids, 500_000);
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});

describe('leases', () => {
  let db: Db;
  const sources: LeasedIdSource[] = [];

  beforeAll(async () => {
    db = await openEmptyDatabase();
    await db.query(sql`
      CREATE TABLE node_leases (id smallint PRIMARY KEY, holder text, leased_until timestamptz NOT NULL)`);
    await db.query(sql`INSERT INTO node_leases SELECT n, NULL, 'epoch' FROM generate_series(0, 1023) AS n`);
  });

  afterEach(async () => {
    await Promise.all(sources.splice(0).map((source) => source.close()));
    await db.query(sql`UPDATE node_leases SET holder = NULL, leased_until = 'epoch'`);
  });

  afterAll(() => db.close());

  test('are of different nodes for sources that start together', async () => {
    await Promise.all(Array.from({ length: 30 }, () => lease()));
    const ids = sources.flatMap((source) => take(source, 1_000));
    expect(new Set(ids).size).toBe(30_000);
    const [row] = await db.query(sql`SELECT count(*)::integer AS taken FROM node_leases WHERE leased_until > now()`);
    expect(row).toEqual({ taken: 30 });
  });

  test('have the time of the database', async () => {
    const source = await lease();
    const [row] = await db.query<{ now: Date }>(sql`SELECT clock_timestamp() AS now`);
    const made = Number(BigInt(source.next()) >> 22n) + Date.UTC(2026, 0, 1);
    expect(Math.abs(made - (row?.now.getTime() ?? 0))).toBeLessThan(1_000);
  });

  test('are renewed in time', async () => {
    const source = await lease({ leaseMs: 400, renewEveryMs: 50 });
    const first = source.next();
    await delay(1_000);
    expect(isOrdered([first, source.next()])).toBe(true);
    expect(await nodesInUse()).toEqual([0]);
  });

  test('limit how long ids can be issued without the database', async () => {
    const source = await lease({ leaseMs: 3_600_000 });
    expect(source.remainingMs()).toBeGreaterThan(0);
    expect(source.remainingMs()).toBeLessThanOrEqual(3_600_000);
    await source.close();
    expect(source.remainingMs()).toBeLessThan(0);
  });

  test('expired leases stop the source', async () => {
    const source = await lease({ leaseMs: 100 });
    source.next();
    await delay(150);
    expect(() => source.next()).toThrow(DatabaseUnavailableError);
  });

  test('leases that another process took are replaced', async () => {
    const source = await lease({ leaseMs: 2_000, renewEveryMs: 100 });
    const first = source.next();
    await db.query(
      sql`UPDATE node_leases SET holder = 'another', leased_until = now() + interval '1 minute' WHERE id = 0`,
    );
    await expect.poll(() => nodesInUse()).toEqual([0, 1]);
    await expect.poll(() => nodeOf(source.next())).toBe(1);
    expect(isOrdered([first, source.next()])).toBe(true);
  });

  describe('leases when the clock of the database is set', () => {
    let skewed: SkewedDatabase;
    const often = { renewEveryMs: 20 };

    beforeAll(async () => (skewed = await skewClock(db)));
    afterEach(() => skewed.set('0'));
    afterAll(() => skewed.close());

    /** Waits until the source has read the clock again. */
    async function untilTimeIs(source: LeasedIdSource, offsetMs: number): Promise<string[]> {
      const ids: string[] = [];
      const isThere = () => Math.abs(timeOf(ids.at(-1) ?? '0') - Date.now() - offsetMs) < 60_000;
      while (!isThere()) {
        await delay(5);
        ids.push(source.next());
      }
      return ids;
    }

    test.each([
      ['a minute', 60_000],
      ['a day', day],
      ['a year', 365 * day],
    ])('ahead by %s and back: ids go on in order, of another number', async (_name, offsetMs) => {
      const source = await lease(often, skewed.db);
      await skewed.set(`${offsetMs} ms`);
      const ahead = await untilTimeIs(source, offsetMs);
      const number = nodeOf(ahead.at(-1) ?? '0');
      await skewed.set('0');
      const after = take(source, 10_000);
      await expect.poll(() => (after.push(source.next()), nodeOf(after.at(-1) ?? '0'))).not.toBe(number);
      after.push(...take(source, 10_000));
      expect(isOrdered([...ahead, ...after])).toBe(true);
    });

    test('back: one other number is leased, not one with each renewal, and its lease covers the ids', async () => {
      await skewed.set('1 day');
      const source = await lease(often, skewed.db);
      const number = nodeOf(source.next());
      await skewed.set('0');
      await expect.poll(() => nodeOf(source.next())).not.toBe(number);
      const next = nodeOf(source.next());
      const before = await leaseEnd(next);
      await expect.poll(async () => (take(source, 5_000), leaseEnd(next))).toBeGreaterThan(before);
      expect(nodeOf(source.next())).toBe(next);
      expect(await leaseEnd(next)).toBeGreaterThan(timeOf(source.next()));
    });

    test('back: users created then get new numbers and ids', async () => {
      const began = Date.now();
      await skewed.set('1 day');
      const source = await lease(often, skewed.db);
      const first = take(source, 1_000);
      await skewed.set('0');
      const other = await lease(often, skewed.db);
      const ids = [...first, ...take(source, 1_000), ...take(other, 1_000)];
      await source.close();
      const third = await lease(often, skewed.db);
      ids.push(...take(third, 1_000));
      expect(new Set(ids).size).toBe(4_000);
      // The ids have the correct time again: neither a day ahead, nor before this test.
      const time = timeOf(third.next());
      expect(time).toBeLessThan(timeOf(first[0] ?? ''));
      expect(time).toBeGreaterThan(began - 60_000);
    });

    async function leaseEnd(node: number): Promise<number> {
      const [row] = await db.query<{ until: Date }>(
        sql`SELECT leased_until AS until FROM node_leases WHERE id = ${node}`,
      );
      return row?.until.getTime() ?? 0;
    }
  });

  test('are returned at close, for times after the last id', async () => {
    const source = await lease();
    const last = BigInt(take(source, 10_000).at(-1) ?? 0) >> 22n;
    await source.close();
    expect(() => source.next()).toThrow(DatabaseUnavailableError);
    const [row] = await db.query<{ until: Date; holder: unknown }>(
      sql`SELECT leased_until AS until, holder FROM node_leases WHERE id = 0`,
    );
    expect(row).toEqual({ until: new Date(Number(last) + Date.UTC(2026, 0, 1) + 1), holder: null });
  });

  test('are refused when every node is taken', async () => {
    await db.query(sql`UPDATE node_leases SET holder = 'others', leased_until = now() + interval '1 minute'`);
    await expect(leaseNode(db)).rejects.toBeInstanceOf(DatabaseUnavailableError);
  });

  test.skipIf(process.env['TEST_DATABASE_URL'] === undefined)('keep processes apart', async () => {
    const url = await urlOfDatabase(db);
    const printed = await Promise.all(Array.from({ length: 4 }, () => printIds(url, 5_000)));
    for (const ids of printed) expect(isOrdered(ids)).toBe(true);
    expect(new Set(printed.flat()).size).toBe(20_000);
  });

  async function lease(options?: LeaseOptions, of: Db = db): Promise<LeasedIdSource> {
    const source = await leaseNode(of, options);
    sources.push(source);
    return source;
  }

  async function nodesInUse(): Promise<number[]> {
    const rows = await db.query<{ id: number }>(sql`SELECT id FROM node_leases WHERE leased_until > now() ORDER BY id`);
    return rows.map(({ id }) => id);
  }
});

async function printIds(url: string, count: number): Promise<string[]> {
  const { lines } = startChild('id-printer', url, String(count));
  const ids: string[] = [];
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) ids.push(line.value);
  return ids;
}

function take(ids: IdSource, count: number): string[] {
  return Array.from({ length: count }, () => ids.next());
}

function timeOf(id: string): number {
  return Number(BigInt(id) >> 22n) + Date.UTC(2026, 0, 1);
}

function nodeOf(id: string): number {
  return Number((BigInt(id) >> 12n) & 1023n);
}

function isOrdered(ids: readonly string[]): boolean {
  const values = ids.map(BigInt);
  return values.every((value, index) => index === 0 || value > (values[index - 1] ?? 0n));
}
