import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { encodings, type Encoding, type Negotiable } from './negotiated.ts';

/** The files that our HTML pages load. */
export const assetNames = ['scalar.js', 'docs.js', 'pages.css', 'passkeys.js'] as const;
export type AssetName = (typeof assetNames)[number];

/** Directory of the compressed files of the build. Absent while the service runs from its sources. */
const builtDirectory = new URL('../assets/', import.meta.url);
const ownDirectory = new URL('../../assets/', import.meta.url);
const types: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
};
const suffixes: Readonly<Record<Encoding, string>> = { br: '.br', gzip: '.gz', identity: '' };

/** Source of a file, for the build and for a service that runs from its sources. */
export function sourceOf(name: AssetName): URL {
  if (name !== 'scalar.js') return new URL(name, ownDirectory);
  const entry = createRequire(import.meta.url).resolve('@scalar/fastify-api-reference');
  return new URL('./js/standalone.js', pathToFileURL(entry));
}

/** A hash of the content. URLs that include the hash can be cached forever. */
export function contentHash(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16);
}

function readHashes(): Readonly<Record<AssetName, string>> {
  const manifest = new URL('manifest.json', builtDirectory);
  if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')) as Record<AssetName, string>;
  const hashes = assetNames.map((name) => [name, contentHash(readFileSync(sourceOf(name)))]);
  return Object.fromEntries(hashes) as Record<AssetName, string>;
}

let known: Readonly<Record<AssetName, string>> | undefined;
const hashOf = (name: AssetName): string => (known ??= readHashes())[name];

/** E.g. `scalar.js` → `scalar-3f5a….js`. */
const fileName = (name: AssetName): string => name.replace('.', `-${hashOf(name)}.`);

/**
 * The path of a file on this server. The hosted pages load their files from another path, because operators can disable
 * the documentation.
 */
export const assetUrl = (name: AssetName): string =>
  `${name === 'passkeys.js' ? '/pages' : '/docs/assets'}/${fileName(name)}`;

/** The file of that name, or undefined. */
export function findAsset(file: string): Negotiable | undefined {
  const name = assetNames.find((candidate) => fileName(candidate) === file);
  if (!name) return undefined;
  const isBuilt = existsSync(new URL(name, builtDirectory));
  return {
    type: types[name.split('.').at(-1) ?? ''] ?? '',
    hash: hashOf(name),
    cacheControl: 'public, max-age=31536000, immutable',
    available: isBuilt ? encodings : ['identity'],
    read: (encoding) => readFile(isBuilt ? new URL(name + suffixes[encoding], builtDirectory) : sourceOf(name)),
  };
}
