import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openEmptyDatabase } from '../test/database.ts';
import { ApiError } from '../http/errors.ts';
import { DatabaseError, DatabaseUnavailableError, raw, sql, violatesUnique, type Db, type Tx } from './db.ts';

let db: Db;

beforeAll(async () => {
  db = await openEmptyDatabase();
  await db.query(sql`
    CREATE TABLE accounts (id bigint PRIMARY KEY, name text CONSTRAINT accounts_name_key UNIQUE, balance integer)`);
});

afterAll(() => db.close());

describe('values', () => {
  test('columns have the same types on both engines', async () => {
    const [row] = await db.query<{ bytes: unknown }>(sql`
      SELECT 9007199254740993::bigint AS big, 7::integer AS small, 1.5::float8 AS real, 12.50::numeric AS exact,
        '2026-02-03T04:05:06.789Z'::timestamptz AS instant, date '2026-02-03' AS day,
        timestamp '2026-02-03 04:05:06' AS wall, interval '1 month 2 hours' AS span,
        '{"a": [1, null]}'::jsonb AS document, '\\x00ff'::bytea AS bytes, true AS yes, NULL::text AS nothing,
        ARRAY['a', NULL, 'b"c,{}']::text[] AS texts, ARRAY[9007199254740993]::bigint[] AS bigs,
        ARRAY['\\x01'::bytea] AS blobs, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS uuid`);
    expect(row).toEqual({
      big: '9007199254740993',
      small: 7,
      real: 1.5,
      exact: '12.50',
      instant: new Date('2026-02-03T04:05:06.789Z'),
      day: '2026-02-03',
      wall: '2026-02-03 04:05:06',
      span: '1 mon 02:00:00',
      document: { a: [1, null] },
      bytes: Buffer.from([0, 255]),
      yes: true,
      nothing: null,
      texts: ['a', null, 'b"c,{}'],
      bigs: ['9007199254740993'],
      blobs: [Buffer.from([1])],
      uuid: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
    });
    expect(row?.bytes).toBeInstanceOf(Buffer);
  });

  test.each<[text: string, expected: string | number]>([
    ['2026-02-03 04:05:06.789+00', '2026-02-03T04:05:06.789Z'],
    ['2026-02-03 04:05:06+00', '2026-02-03T04:05:06.000Z'],
    ['2026-12-31 23:59:59.9+00', '2026-12-31T23:59:59.900Z'],
    ['2026-12-31 23:59:59.01+00', '2026-12-31T23:59:59.010Z'],
    ['2026-12-31 23:59:59.999999+00', '2026-12-31T23:59:59.999Z'],
    ['2024-02-29 00:00:00.000001+00', '2024-02-29T00:00:00.000Z'],
    ['1969-12-31 23:59:59.5+00', '1969-12-31T23:59:59.500Z'],
    ['0999-01-01 00:00:00+00', '0999-01-01T00:00:00.000Z'],
    ['0099-01-01 00:00:00+00', '0099-01-01T00:00:00.000Z'],
    ['12026-02-03 04:05:06.7+00', '+012026-02-03T04:05:06.700Z'],
    ['0044-03-15 12:00:00+00 BC', '-000043-03-15T12:00:00.000Z'],
    ['infinity', Number.POSITIVE_INFINITY],
  ])('timestamptz %s arrives as the same instant in every time zone', async (text, expected) => {
    const instant = typeof expected === 'string' ? new Date(expected) : expected;
    const zones = ['UTC', 'Asia/Kathmandu', 'America/St_Johns', 'Africa/Abidjan'];
    const seen = await db.transaction(async (tx) => {
      const values: unknown[] = [];
      for (const zone of zones) {
        await tx.query(sql`SELECT set_config('TimeZone', ${zone}, true)`);
        const [row] = await tx.query<{ instant: unknown }>(sql`SELECT ${text}::timestamptz AS instant`);
        values.push(row?.instant);
      }
      return values;
    });
    expect(seen).toEqual(zones.map(() => instant));
  });

  test('parameters arrive unchanged', async () => {
    const instant = new Date('2026-02-03T04:05:06.789Z');
    const document = JSON.stringify(['ünïcode', { nested: true }]);
    const [row] = await db.query(sql`
      SELECT ${'9007199254740993'}::bigint AS big, ${instant}::timestamptz AS instant, ${document}::jsonb AS document,
        ${Buffer.from([1, 2, 255])}::bytea AS bytes, ${['a', 'b"c']}::text[] AS texts, ${[]}::bigint[] AS none,
        ${undefined}::text AS missing, ${null}::text AS nothing, ${false}::boolean AS no`);
    expect(row).toEqual({
      big: '9007199254740993',
      instant,
      document: ['ünïcode', { nested: true }],
      bytes: Buffer.from([1, 2, 255]),
      texts: ['a', 'b"c'],
      none: [],
      missing: null,
      nothing: null,
      no: false,
    });
  });

  test('a value of several megabytes passes both ways', async () => {
    const text = 'é'.repeat(3_000_000);
    const [row] = await db.query<{ text: string }>(sql`SELECT ${text}::text AS text`);
    expect(row?.text === text).toBe(true);
  });

  test('statements go on working beyond the limit of named ones', async () => {
    const texts = Array.from({ length: 1_010 }, (_, index) => `SELECT ${index} AS number`);
    const rows = await Promise.all(texts.map((text) => db.query(raw(text))));
    expect(rows).toEqual(texts.map((_, index) => [{ number: index }]));
  });
});

describe('errors', () => {
  test('a unique violation names its constraint', async () => {
    await db.query(sql`INSERT INTO accounts (id, name) VALUES (1, 'taken')`);
    const error = await failure(db.query(sql`INSERT INTO accounts (id, name) VALUES (2, 'taken')`));
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ sqlState: '23505', constraint: 'accounts_name_key' });
    expect(violatesUnique(error, 'accounts_name_key')).toBe(true);
    expect(violatesUnique(error, 'accounts_pkey')).toBe(false);
  });

  test('a unique violation becomes the error code that the statement names for the constraint', async () => {
    const taken = sql`INSERT INTO accounts (id, name) VALUES (11, 'code'), (12, 'code')`;
    const named = { accounts_name_key: 'app_name_taken' } as const;
    for (const run of [() => db.query(taken, named), () => db.transaction((tx) => tx.query(taken, named))]) {
      const error = await failure(run());
      expect(error).toBeInstanceOf(ApiError);
      expect(error).toMatchObject({ code: 'app_name_taken', cause: { constraint: 'accounts_name_key' } });
    }
    const other = await failure(db.query(taken, { accounts_pkey: 'app_name_taken' }));
    expect(other).toBeInstanceOf(DatabaseError);
    const unrelated = await failure(db.query(sql`SELECT no_such_column`, named));
    expect(unrelated).toMatchObject({ sqlState: '42703' });
  });

  test('an error does not affect concurrent statements', async () => {
    const results = await Promise.allSettled([
      db.query(sql`SELECT 1 AS one`),
      db.query(sql`SELECT 1 / ${0}::integer`),
      db.query(sql`SELECT no_such_column`),
      db.query(sql`SELECT 2 AS two`),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
  });
});

describe('transactions', () => {
  test('commit when the work resolves, with its result', async () => {
    const result = await db.transaction(async (tx) => {
      await insert(tx, 10);
      return 'done';
    });
    expect(result).toBe('done');
    expect(await exists(10)).toBe(true);
  });

  test('roll back when the work throws, with its error', async () => {
    const work = db.transaction(async (tx) => {
      await insert(tx, 11);
      throw new RangeError('changed my mind');
    });
    await expect(work).rejects.toThrow(new RangeError('changed my mind'));
    expect(await exists(11)).toBe(false);
  });

  test('do not commit when an error of a statement was swallowed', async () => {
    const work = db.transaction(async (tx) => {
      await insert(tx, 12);
      await tx.query(sql`SELECT 1 / 0`).catch(() => {});
    });
    await expect(work).rejects.toMatchObject({ sqlState: '25P02' });
    expect(await exists(12)).toBe(false);
  });

  test('are not seen by others until they commit', async () => {
    const seen = await db.transaction(async (tx) => {
      await insert(tx, 13);
      // The embedded database has one session: other statements run after the end of the transaction.
      return { before: db.engine === 'postgresql' && (await exists(13)), after: [exists(13)] };
    });
    expect(seen.before).toBe(false);
    await Promise.all(seen.after);
    expect(await exists(13)).toBe(true);
  });

  test('are run again after a serialization failure or a deadlock, three times at most', async () => {
    let runs = 0;
    const fail = (state: string) => async (tx: Tx) => {
      runs += 1;
      if (runs < 3) await tx.script(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '${state}'; END $$`);
      return runs;
    };
    expect(await db.transaction(fail('40001'))).toBe(3);
    runs = 0;
    expect(await db.transaction(fail('40P01'))).toBe(3);
    runs = -10;
    await expect(db.transaction(fail('40001'))).rejects.toMatchObject({ code: 'database_busy' });
    expect(runs).toBe(-6);
  });

  test('cannot be used after their end', async () => {
    const tx = await db.transaction((open) => Promise.resolve(open));
    await expect(insert(tx, 14)).rejects.toThrow('The transaction has ended');
    expect(await exists(14)).toBe(false);
  });

  test('transactions of many callers all complete, among single statements', async () => {
    await db.query(sql`INSERT INTO accounts (id, balance) VALUES (20, 0)`);
    const increment = () =>
      db.transaction(async (tx) => {
        const [row] = await tx.query<{ balance: number }>(sql`SELECT balance FROM accounts WHERE id = 20 FOR UPDATE`);
        await tx.query(sql`UPDATE accounts SET balance = ${(row?.balance ?? 0) + 1} WHERE id = 20`);
      });
    await Promise.all(Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? increment() : exists(20))));
    expect(await db.query(sql`SELECT balance FROM accounts WHERE id = 20`)).toEqual([{ balance: 25 }]);
  });
});

test('a closed database refuses statements', async () => {
  const other = await openEmptyDatabase();
  await other.close();
  await other.close();
  await expect(other.query(sql`SELECT 1`)).rejects.toBeInstanceOf(DatabaseUnavailableError);
});

async function insert(tx: Tx, id: number): Promise<void> {
  await tx.query(sql`INSERT INTO accounts (id) VALUES (${id})`);
}

async function exists(id: number): Promise<boolean> {
  return (await db.query(sql`SELECT 1 FROM accounts WHERE id = ${id}`)).length === 1;
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}
