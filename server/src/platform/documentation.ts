import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Encoding, type Negotiable } from '../http/negotiated.ts';

/** One page of the documentation. */
export interface DocumentationPage {
  /** The path, without a suffix. */
  readonly address: string;
  readonly title: string;
  /** A summary of one line. */
  readonly summary: string;
  /** The section that contains it. */
  readonly group: string;
  /** The file name of the page in the directory of the build, without suffix. */
  readonly file: string;
  /** Hashes of the HTML and of the Markdown. */
  readonly page: string;
  readonly markdown: string;
}

interface Manifest {
  readonly pages: readonly DocumentationPage[];
  /** Files that pages load, with their hashes. */
  readonly assets: Readonly<Record<string, string>>;
  /** Hash of the whole documentation in one text. */
  readonly full: string;
  /** Its size. */
  readonly fullBytes: number;
}

const types: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
};

/**
 * The directory of the built pages: next to the directory of this module, or in `dist` if the service runs from its
 * sources.
 */
const directories = [
  new URL('../documentation/', import.meta.url),
  new URL('../../dist/documentation/', import.meta.url),
];
const nothing: Manifest = { pages: [], assets: {}, full: '', fullBytes: 0 };

let known: { readonly directory: URL; readonly manifest: Manifest } | undefined;

/** Read once, when the first page is requested. Without a build there are no pages. */
function documentation() {
  if (known) return known;
  const [first] = directories;
  const directory = directories.find((candidate) => existsSync(new URL('manifest.json', candidate)));
  if (!directory) return { directory: first ?? new URL(import.meta.url), manifest: nothing };
  known = { directory, manifest: JSON.parse(readFileSync(new URL('manifest.json', directory), 'utf8')) as Manifest };
  return known;
}

function fileOf(name: string, hash: string, cacheControl: string): Negotiable {
  const { directory } = documentation();
  const suffixes: Readonly<Record<Encoding, string>> = { br: '.br', gzip: '', identity: '' };
  return {
    type: types[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream',
    hash,
    cacheControl,
    available: ['br', 'identity'],
    read: (encoding) => readFile(new URL(name + suffixes[encoding], directory)),
  };
}

const pageCaching = 'public, max-age=300';

/** Every listed page, in reading order. */
export const documentationPages = (): readonly DocumentationPage[] =>
  documentation().manifest.pages.filter(({ group }) => group !== 'hidden');

/** The page at a path without a suffix, or undefined. */
export const findPage = (address: string): DocumentationPage | undefined =>
  documentation().manifest.pages.find((page) => page.address === address);

/** A page as HTML. */
export const pageText = ({ file, page }: DocumentationPage): Negotiable => fileOf(`${file}.html`, page, pageCaching);

/** A page as Markdown. */
export const markdownText = ({ file, markdown }: DocumentationPage): Negotiable =>
  fileOf(`${file}.md`, markdown, pageCaching);

/** The whole documentation in one text. */
export const fullText = (): Negotiable => fileOf('llms-full.txt', documentation().manifest.full, pageCaching);

/** The size of {@link fullText} in MB, with one decimal place. */
export const fullTextMegabytes = (): string => (documentation().manifest.fullBytes / 1e6).toFixed(1);

/** The file that pages load under this name (with a hash in it), or undefined. */
export function findDocumentationAsset(name: string): Negotiable | undefined {
  const { assets } = documentation().manifest;
  const hash = Object.hasOwn(assets, name) ? assets[name] : undefined;
  return hash === undefined ? undefined : fileOf(name, hash, 'public, max-age=31536000, immutable');
}
