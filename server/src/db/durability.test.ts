import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startChild } from '../test/child-process.ts';
import { emptySnapshotFile, openEmptyDatabase, urlOfDatabase } from '../test/database.ts';
import { sql, type Db } from './db.ts';
import { openEmbedded } from './embedded.ts';

const kills = 50;
let directory: string;
/** On a server the test stays connected; the embedded database is opened before and after. */
let server: Db | undefined;
let url = '-';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-durability-'));
  if (process.env['TEST_DATABASE_URL'] !== undefined) {
    server = await openEmptyDatabase();
    url = await urlOfDatabase(server);
  }
  await withDatabase(async (db) => {
    await db.query(sql`CREATE TABLE acknowledged (id integer, half integer, PRIMARY KEY (id, half))`);
  });
});

afterAll(async () => {
  await server?.close();
  await rm(directory, { recursive: true });
});

test(`every acknowledged row survives ${kills} kills of the writing process`, { timeout: 1_800_000 }, async () => {
  const acknowledged: number[] = [];
  for (let round = 0; round < kills; round += 1) {
    // Unacknowledged rows of the previous round may exist, so its numbers are not used again.
    const printed = await writeAndKill(1_000_000 * round, 20 + Math.random() * 130);
    expect(printed.length).toBeGreaterThan(0);
    acknowledged.push(...printed);
  }
  await withDatabase(async (db) => {
    const rows = await db.query<{ id: number; halves: number }>(
      sql`SELECT id, count(*)::integer AS halves FROM acknowledged GROUP BY id`,
    );
    const stored = new Set(rows.map(({ id }) => id));
    expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
    expect(rows.filter(({ id, halves }) => halves !== (id % 2) + 1)).toEqual([]);
  });
});

async function writeAndKill(first: number, afterMs: number): Promise<number[]> {
  const child = startChild('durability-writer', url, directory, String(first));
  const printed: number[] = [];
  let killed: Promise<void> | undefined;
  for (let line = await child.lines.next(); line.done !== true; line = await child.lines.next()) {
    printed.push(Number(line.value));
    killed ??= delay(afterMs).then(() => child.kill());
  }
  await killed;
  return printed;
}

async function withDatabase(work: (db: Db) => Promise<void>): Promise<void> {
  if (server !== undefined) return work(server);
  const db = await openEmbedded({ dataDir: directory, snapshot: await emptySnapshotFile(), log: () => {} });
  await work(db);
  await db.close();
}
