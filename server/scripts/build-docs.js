import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';

/**
 * Builds the documentation that the service serves, in `dist/documentation`: each page as HTML and as Markdown,
 * the files that pages load, and `manifest.json`, which lists them all. Does nothing if no input has changed.
 */
const root = new URL('../../', import.meta.url);
const target = new URL('../dist/documentation/', import.meta.url);
const manifestFile = new URL('manifest.json', target);

/** @param {Buffer | string} content */
const hashOf = (content) => createHash('sha256').update(content).digest('hex').slice(0, 16);

/** @param {string} directory @param {RegExp} name @returns {Promise<string[]>} files below, as paths from the root */
async function filesBelow(directory, name) {
  const entries = await readdir(new URL(`${directory}/`, root), { recursive: true });
  return entries.filter((entry) => name.test(entry)).map((entry) => `${directory}/${entry}`);
}

const inputs = [
  'README.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'package-lock.json',
  'server/package.json',
  'sdk/src/nouns.ts',
  'server/scripts/build-docs.js',
  ...(await filesBelow('docs', /\.(md|json)$/)),
  ...(await filesBelow('server/scripts/docs', /\.js$/)),
  ...(await filesBelow('server/assets', /./)),
  ...(await filesBelow('server/src', /(\.routes|config-variables|security-actions|errors|html)\.ts$/)),
];
const hashes = await Promise.all(inputs.toSorted().map(async (path) => hashOf(await readFile(new URL(path, root)))));
const inputHash = hashOf(hashes.join());
const built = await readFile(manifestFile, 'utf8').then(JSON.parse, () => undefined);
if (built?.inputHash !== inputHash) await build();

/** The manifest is written last. Without it no documentation is served, so an incomplete build is never served. */
async function build() {
  const { buildSite } = await import('./docs/site.js');
  const { pages, assets, full } = await buildSite();
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  await Promise.all([
    ...pages.flatMap(({ file, page, markdown }) => [write(`${file}.html`, page), write(`${file}.md`, markdown)]),
    ...assets.map(({ name, content }) => write(name, content)),
    write('llms-full.txt', full),
  ]);
  const manifest = {
    inputHash,
    full: hashOf(full),
    fullBytes: Buffer.byteLength(full),
    assets: Object.fromEntries(assets.map(({ name, content }) => [name, hashOf(content)])),
    pages: pages.map(({ address, file, title, summary, group, page, markdown }) => {
      return { address, file, title, summary, group, page: hashOf(page), markdown: hashOf(markdown) };
    }),
  };
  await writeFile(manifestFile, JSON.stringify(manifest));
}

/** @param {string} name @param {string | Buffer} content */
async function write(name, content) {
  const options = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };
  await writeFile(new URL(name, target), content);
  await writeFile(new URL(`${name}.br`, target), await promisify(brotliCompress)(content, options));
}
