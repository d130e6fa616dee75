import { openDatabase } from '../db/open.ts';
import { leaseNode } from '../ids.ts';

/** Prints ids from a separate node lease. Arguments: a database URL, the number of ids. */
const [url = '', count = '0'] = process.argv.slice(2);
const db = await openDatabase({ url, dataDir: '', poolSize: 1, prepare: true });
const ids = await leaseNode(db);
for (let made = 0; made < Number(count); made += 1) process.stdout.write(`${ids.next()}\n`);
await ids.close();
await db.close();
