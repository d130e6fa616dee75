import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import MiniSearch from 'minisearch';
import { contents, reference } from './contents.js';
import { generatedPages } from './generated.js';
import { createRenderer, targetOf, withAddresses } from './markdown.js';
import { toPage } from './page.js';
import { slugOf } from './slug.js';

/**
 * Builds the whole documentation: reads the handwritten pages, adds the generated ones, checks every link, and adds the
 * layout.
 *
 * @typedef {object} Draft a page without its layout
 * @property {string} address
 * @property {string} source the file of the repository, or the address of a generated page
 * @property {string} summary
 * @property {string} group
 * @property {string} markdown
 */

const root = new URL('../../../', import.meta.url);
const dist = new URL('../../dist/', import.meta.url);

/** @param {string} path */
const readText = (path) => readFile(new URL(path, root), 'utf8');
/** @param {string} path */
const load = (path) => import(new URL(path, dist).href);
/** @param {string} name @param {string | Buffer} content */
const withHash = (name, content) =>
  name.replace('.', `-${createHash('sha256').update(content).digest('hex').slice(0, 16)}.`);

/** @returns {Promise<Draft[]>} */
function writtenDrafts() {
  const entries = contents.flatMap(({ title, entries: listed }) => listed.map((entry) => ({ ...entry, group: title })));
  return Promise.all(entries.map(async (entry) => ({ ...entry, markdown: await readSource(entry.source) })));
}

/** Removes the notes for `scripts/quick-start.js`, which say why it does not run a block. @param {string} markdown */
const withoutNotes = (markdown) => markdown.replaceAll(/^( *```bash\n) *# not pasted.*\n/gm, '$1');

/** @param {string} source a file, or a section of it by its anchor */
async function readSource(source) {
  const [path = '', anchor] = source.split('#');
  const text = withoutNotes(await readText(path));
  if (anchor === undefined) return text;
  const section = text.split(/^(?=## )/m).find((part) => slugOf(part.slice(3, part.indexOf('\n'))) === anchor);
  if (section === undefined) throw new Error(`${path} has no section ${anchor}`);
  return section.replaceAll(/^#(#+ )/gm, '$1');
}

/** @returns {Promise<Draft[]>} the decisions, and their index */
async function decisionDrafts() {
  const files = (await readdir(new URL('docs/adr/', root))).filter((name) => /^\d{4}-.*\.md$/.test(name)).toSorted();
  const decisions = await Promise.all(
    files.map(async (name) => {
      const markdown = await readText(`docs/adr/${name}`);
      const title = /^# (.*)$/m.exec(markdown)?.[1] ?? name;
      const address = `/docs/decisions/${name.replace(/\.md$/, '')}`;
      return { address, source: `docs/adr/${name}`, summary: title, group: 'decisions', markdown, title };
    }),
  );
  const list = decisions.map(({ title, address }) => `- [${title}](${address})`).join('\n');
  const summary = 'Architecture decisions: one page for each decision.';
  const numbers = 'No decision was withdrawn. Missing numbers were never used.';
  const markdown = `# Decisions\n\n${summary} ${numbers}\n\n${list}\n`;
  return [{ address: '/docs/decisions', source: '/docs/decisions', summary, group: 'index', markdown }, ...decisions];
}

/**
 * @param {Draft[]} others @returns {Draft[]} pages outside the lists: the front page, and the page for unknown paths
 */
function frameDrafts(others) {
  const titles = new Map(others.map(({ address, markdown }) => [address, /^# (.*)$/m.exec(markdown)?.[1] ?? address]));
  const sections = [...contents, reference].map(({ title, entries }) => {
    const lines = entries.map(
      ({ address, summary }) => `- [${titles.get(address) ?? fixedTitles[address]}](${address}): ${summary}`,
    );
    return `## ${title}\n\n${lines.join('\n')}`;
  });
  const summary = 'Users, sessions, organizations, roles, invitations and machine tokens of many apps over HTTP.';
  const lists = 'Programs read [llms.txt](/llms.txt) and [openapi.json](/openapi.json).';
  const lost = 'The path is misspelt, or the page has moved. Search for it, or go to [the front page](/).';
  const shared = { group: 'hidden' };
  return [
    {
      ...shared,
      address: '/',
      source: '/',
      summary,
      markdown: ['# Gatehouse', summary, lists, ...sections].join('\n\n'),
    },
    {
      ...shared,
      address: '/docs/nothing-here',
      source: '/docs/nothing-here',
      summary: lost,
      markdown: `# Page not found\n\n${lost}\n`,
    },
  ];
}

/** @returns {Promise<Record<string, string>>} the SDK's method of each operation, e.g. `organizations.update` */
async function sdkMethods() {
  const { code } = await transform(await readText('sdk/src/nouns.ts'), { loader: 'ts' });
  const { nouns } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const methods = Object.entries(nouns).flatMap(([noun, verbs]) =>
    Object.entries(verbs).map(([verb, operationId]) => [operationId, `${noun}.${verb}`]),
  );
  return Object.fromEntries(methods);
}

/** @returns {Promise<Draft[]>} */
async function generatedDrafts() {
  const [{ routes }, { configVariables }, { securityActions }, { errorCodes }] = await Promise.all(
    ['routes.js', 'config-variables.js', 'access/security-actions.js', 'http/errors.js'].map(load),
  );
  const openApi = JSON.parse(await readText('docs/openapi.json'));
  const pages = generatedPages({
    openApi,
    routes,
    variables: configVariables,
    securityActions,
    errorCodes,
    sdkMethods: await sdkMethods(),
  });
  return pages.map((page) => ({ ...page, source: page.address }));
}

/** @param {string} source @param {string} markdown @returns {string[]} anchors on a page that is a section of a file */
const headingsOf = (source, markdown) =>
  source.includes('#') ? Array.from(markdown.matchAll(/^##+ (.*)$/gm), ([, heading = '']) => slugOf(heading)) : [];

/**
 * @param {readonly Draft[]} drafts
 * @returns {import('./markdown.js').ResolveLink} files of the documentation become paths; links to other files are
 *   removed
 */
function linksBetween(drafts) {
  const sections = drafts.flatMap(({ source, address, markdown }) =>
    headingsOf(source, markdown).map((anchor) => ({ source: `${source.split('#')[0]}#${anchor}`, address, anchor })),
  );
  const addresses = new Map([
    ...sections.map(({ source, address, anchor }) => /** @type {const} */ ([source, `${address}#${anchor}`])),
    ...drafts.map(({ source, address }) => /** @type {const} */ ([source, address])),
  ]);
  const own = new Set(drafts.map(({ address }) => address));
  return (link, source) => {
    if (/^[a-z]+:/.test(link)) return link;
    const target = link.startsWith('/') ? link : targetOf(source, link);
    const [path = '', anchor] = target.split('#');
    const address = addresses.get(target) ?? (own.has(path) ? path : addresses.get(path));
    if (address !== undefined) return anchor === undefined || addresses.has(target) ? address : `${address}#${anchor}`;
    if (path === 'docs/openapi.json') return '/openapi.json';
    return path.startsWith('/') ? link : undefined;
  };
}

/** @param {readonly { address: string, html: string }[]} pages @throws Error for a link to a missing page or heading */
function checkLinks(pages) {
  const anchors = new Map(
    pages.map(({ address, html }) => [address, new Set(Array.from(html.matchAll(/ id="([^"]+)"/g), ([, id]) => id))]),
  );
  const faults = pages.flatMap(({ address, html }) =>
    Array.from(html.matchAll(/<a href="(\/docs\/[^"#]*|#)(?:#?([^"]*))"/g))
      .filter(([, path = '', anchor]) => {
        const known = anchors.get(path === '#' ? address : path);
        return !known || (anchor && !known.has(decodeURIComponent(anchor)));
      })
      .map(([link]) => `${address}: the target of ${link} does not exist`),
  );
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

/** The script of the pages, including the search. */
async function bundleScript() {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('server/assets/documentation.js', root))],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  });
  return outputFiles[0]?.text ?? '';
}

/** @param {readonly { address: string, title: string, parts: import('./markdown.js').Part[] }[]} pages */
function indexFor(pages) {
  const search = new MiniSearch({ fields: ['title', 'page', 'text'], storeFields: ['title', 'page'] });
  const parts = pages.flatMap(({ address, title, parts: all }) =>
    all.map((part, number) => {
      const id = number === 0 ? address : `${address}#${part.anchor}`;
      return { id, title: part.title, page: title, text: part.text.slice(0, 2000) };
    }),
  );
  // Two headings of a page may be equal.
  search.addAll([...new Map(parts.map((part) => [part.id, part])).values()]);
  return JSON.stringify(search);
}

/** Builds everything. @throws Error for a link without a target */
export async function buildSite() {
  const [{ html }, { assetUrl }] = await Promise.all(['http/html.js', 'http/assets.js'].map(load));
  const { version } = JSON.parse(await readText('server/package.json'));
  const listed = (await Promise.all([writtenDrafts(), generatedDrafts(), decisionDrafts()])).flat();
  const drafts = [...frameDrafts(listed), ...listed];
  const resolveLink = linksBetween(drafts);
  const render = createRenderer(resolveLink);
  const rendered = drafts.map((draft) => ({
    ...draft,
    ...render(draft.markdown, draft.source),
    markdown: withAddresses(draft.markdown, draft.source, resolveLink),
  }));
  checkLinks(rendered);

  const files = [
    { name: 'documentation.css', content: await readText('server/assets/documentation.css') },
    { name: 'documentation.js', content: await bundleScript() },
    {
      name: 'search.json',
      content: indexFor(rendered.filter(({ group }) => group !== 'decisions' && group !== 'hidden')),
    },
  ].map(({ name, content }) => ({ plain: name, name: withHash(name, content), content }));
  const urls = new Map(files.map(({ plain, name }) => [plain, `/docs/assets/${name}`]));
  const frame = { html, version, assetUrl: (/** @type {string} */ name) => urls.get(name) ?? assetUrl(name) };

  const titles = new Map(rendered.map(({ address, title }) => [address, title]));
  const fixed = [...contents, reference].map(({ title, entries }) => ({
    title,
    entries: entries.map(({ address }) => ({ address, title: titles.get(address) ?? fixedTitles[address] ?? address })),
  }));
  const order = rendered.filter(({ group }) => contents.some(({ title }) => title === group));
  const pages = rendered.map((page) => {
    const inGroup = rendered.filter(({ group }) => group === page.group && !order.includes(page));
    const place = order.indexOf(page);
    const siblings =
      ['index', 'hidden'].includes(page.group) || order.includes(page) ? [] : [{ title: page.group, entries: inGroup }];
    const [before, after] = place < 0 ? [] : [order[place - 1], order[place + 1]];
    const { html: body } = page;
    return {
      ...page,
      file: page.address.slice(1).replaceAll('/', '~') || 'front-page',
      page: toPage(frame, { ...page, body, groups: [...siblings, ...fixed], before, after }),
    };
  });
  const full = rendered
    .filter(({ group }) => group !== 'decisions' && group !== 'hidden')
    .map(({ markdown }) => markdown.trim());
  return { pages, assets: files, full: `${full.join('\n\n---\n\n')}\n` };
}

/** @type {Readonly<Record<string, string>>} */
const fixedTitles = { '/docs': 'API reference', '/errors': 'Error codes' };
