/**
 * Writes the dump of a release, from which the tests then migrate: `<version>.sql`, loadable on PostgreSQL and the
 * embedded database, and `<version>.json` with the responses of the API when the dump was written.
 *
 *   npm run build
 *   node .ci/tools/dump-release.js DIRECTORY postgresql://postgres@127.0.0.1:5432/postgres
 *
 * DIRECTORY is a checkout of the release with `server/dist`. The URL is a server of the same version as pg_dump, as a
 * superuser.
 */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fillRelease } from './release-sample.js';
import { startRelease, withDatabase } from './release-service.js';

const target = new URL('../../server/src/test/fixtures/releases/', import.meta.url);
const [directory = '', serverUrl = ''] = process.argv.slice(2);
if (serverUrl === '') throw new Error('usage: dump-release.js DIRECTORY SERVER_URL');

/**
 * Statements only, without settings of the session (which differ between servers) and comments. @param {string} dump
 */
function toPlainSql(dump) {
  const kept = dump
    .split('\n')
    .filter((line) => !/^(SET |SELECT pg_catalog\.set_config|--|\\|INSERT INTO public\.node_leases )/.test(line))
    .join('\n')
    .replaceAll(/\n{2,}/g, '\n');
  const leases = `INSERT INTO public.node_leases (id, leased_until) SELECT n, 'epoch' FROM generate_series(0, 1023) n;`;
  return `${kept.trim()}\n${leases}\n`;
}

const { version } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
await withDatabase(serverUrl, async (databaseUrl) => {
  const service = await startRelease(directory, databaseUrl);
  const sample = await fillRelease(service.url);
  await service.stop();
  const options = ['--inserts', '--no-owner', '--no-privileges', '--no-comments', '--schema=public'];
  const dump = execFileSync('pg_dump', [...options, databaseUrl], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const sql = toPlainSql(dump).replace(/^CREATE SCHEMA public;\n/m, '');
  await writeFile(new URL(`${version}.sql`, target), sql);
  const record = { time: new Date().toISOString(), ...sample };
  await writeFile(new URL(`${version}.json`, target), `${JSON.stringify(record, undefined, 1)}\n`);
  process.stdout.write(`${version}: ${sample.answers.length} answers, ${sql.length} characters of SQL\n`);
});
