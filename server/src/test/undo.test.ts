import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { DatabaseError, sql } from '../db/db.ts';
import { openTestDatabase } from './database.ts';
import type { UndoableDb } from './undo.ts';

let db: UndoableDb;

beforeAll(async () => {
  db = await openTestDatabase();
  await db.query(sql`CREATE TABLE notes (id integer PRIMARY KEY)`);
});
beforeEach(() => db.query(sql`DELETE FROM notes`));
afterAll(() => db?.close());

const write = (id: number) => db.query(sql`INSERT INTO notes VALUES (${id})`);
const written = async () => (await db.query<{ id: number }>(sql`SELECT id FROM notes ORDER BY id`)).map(({ id }) => id);

it('undoes the changes, and returns the result', async () => {
  await write(1);
  const seen = await db.undo(async () => {
    await write(2);
    await db.transaction((tx) => tx.query(sql`INSERT INTO notes VALUES (3)`));
    return written();
  });
  expect(seen).toEqual([1, 2, 3]);
  expect(await written()).toEqual([1]);
});

it('undoes changes before an error', async () => {
  const failing = db.undo(async () => {
    await write(2);
    throw new Error('a fault');
  });
  await expect(failing).rejects.toThrow('a fault');
  expect(await written()).toEqual([]);
});

it('continues after a statement and a transaction that fail', async () => {
  const seen = await db.undo(async () => {
    await write(1);
    await expect(write(1)).rejects.toBeInstanceOf(DatabaseError);
    const failing = db.transaction(async (tx) => {
      await tx.query(sql`INSERT INTO notes VALUES (2)`);
      await tx.query(sql`INSERT INTO notes VALUES (1)`);
    });
    await expect(failing).rejects.toBeInstanceOf(DatabaseError);
    await write(3);
    return written();
  });
  expect(seen).toEqual([1, 3]);
});

it('runs transactions one after the other', async () => {
  const writeBoth = (first: number, second: number) =>
    db.transaction(async (tx) => {
      await tx.query(sql`INSERT INTO notes VALUES (${first})`);
      await tx.query(sql`INSERT INTO notes VALUES (${second})`);
    });
  const seen = await db.undo(async () => {
    await Promise.all([writeBoth(1, 2), write(3), writeBoth(4, 5), write(6)]);
    return written();
  });
  expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
});

it('can be nested', async () => {
  const seen = await db.undo(async () => {
    await write(1);
    await db.undo(() => write(2));
    return written();
  });
  expect(seen).toEqual([1]);
});
