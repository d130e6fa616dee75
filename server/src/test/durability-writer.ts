import { sql } from '../db/db.ts';
import { openDatabase } from '../db/open.ts';

/**
 * Writes until it is killed, and prints each number once the database has acknowledged it: even numbers with single
 * statements, odd ones with transactions of two rows. Arguments: a database URL or `-`, a directory, the first number.
 */
const [url = '-', dataDir = '', first = '0'] = process.argv.slice(2);
const db = await openDatabase({ url: url === '-' ? undefined : url, dataDir, poolSize: 4, prepare: true });

for (let id = Number(first); ; id += 1) {
  await (id % 2 === 0 ? writeOne(id) : writePair(id));
  process.stdout.write(`${id}\n`);
}

async function writeOne(id: number): Promise<void> {
  await db.query(sql`INSERT INTO acknowledged (id, half) VALUES (${id}, 1)`);
}

async function writePair(id: number): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.query(sql`INSERT INTO acknowledged (id, half) VALUES (${id}, 1)`);
    await tx.query(sql`INSERT INTO acknowledged (id, half) VALUES (${id}, 2)`);
  });
}
