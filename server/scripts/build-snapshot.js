import { createHash } from 'node:crypto';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * Completes `dist` with files that the compiler does not produce: the migrations, and an empty embedded database, so
 * that the first start need not create one. Skipped if the snapshot exists and was made by the same engine.
 */
const target = new URL('../dist/db/', import.meta.url);
const snapshot = new URL('snapshot.tar.gz', target);
const stamp = new URL('snapshot.key', target);

await rm(new URL('migrations', target), { recursive: true, force: true });
await cp(new URL('../src/db/migrations', import.meta.url), new URL('migrations', target), { recursive: true });

const key = await snapshotKey();
const current = await readFile(stamp, 'utf8').catch(() => '');
if (current !== key) await buildSnapshot();

/** Another engine, or other settings of the engine, make another snapshot. */
async function snapshotKey() {
  const engine = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  const packageFile = await readFile(new URL('../package.json', `file://${engine}`));
  const worker = await readFile(new URL('embedded-worker.js', target));
  return createHash('sha256').update(packageFile).update(worker).digest('hex');
}

async function buildSnapshot() {
  await rm(stamp, { force: true });
  /** @type {typeof import('../src/db/embedded.ts')} */
  const { openEmbedded } = await import(new URL('embedded.js', target).href);
  const db = await openEmbedded({ dataDir: 'memory://', log: () => {} });
  await db.dump(fileURLToPath(snapshot));
  await db.close();
  await writeFile(stamp, key);
}
