import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

/**
 * Completes `dist` with files that the compiler does not produce: the files of our pages, compressed in advance; the
 * list of common passwords; and the output of `build-snapshot.js`.
 */
const dist = new URL('../dist/', import.meta.url);
const target = new URL('assets/', dist);
const manifest = new URL('manifest.json', target);
// Output a tenth larger than the best compression of brotli, in a third of a second instead of six.
const brotliOptions = { params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24 } };

// The manifest marks a complete build. Without it, the service reads the sources, as this script does.
const before = await readFile(manifest, 'utf8').catch(() => '');
/** @type {typeof import('../src/http/assets.ts')} */
const { assetNames, contentHash, sourceOf } = await import(new URL('http/assets.js', dist).href);
const files = await Promise.all(assetNames.map(async (name) => ({ name, content: await readFile(sourceOf(name)) })));
const now = JSON.stringify(Object.fromEntries(files.map(({ name, content }) => [name, contentHash(content)])));
if (before !== now) await pack();

await copyFile(
  new URL('../src/passwords/common-passwords.txt.br', import.meta.url),
  new URL('passwords/common-passwords.txt.br', dist),
);
await import('./build-snapshot.js');

async function pack() {
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  await Promise.all(files.map(write));
  await writeFile(manifest, now);
}

/** @param {{ name: string, content: Buffer }} file */
async function write({ name, content }) {
  await writeFile(new URL(name, target), content);
  await writeFile(new URL(`${name}.br`, target), await promisify(brotliCompress)(content, brotliOptions));
  await writeFile(new URL(`${name}.gz`, target), await promisify(gzip)(content, { level: 9 }));
}
