/**
 * Writes each TypeScript block of two guides and of the recipes into a file of a directory, so that the compiler
 * can read it.
 *
 *   node .ci/tools/guide-blocks.js DIRECTORY
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const [target = ''] = process.argv.slice(2);
const pages = ['guides/typescript-sdk', 'guides/hosted-pages', 'recipes/fastify', 'recipes/hono', 'recipes/next'];

/** Declarations that the text around the blocks provides. */
const given = ['baseUrl', 'clientId', 'clientSecret', 'organizationId', 'orgId', 'sessionToken'];

/** @param {string} page @returns {Promise<[file: string, code: string][]>} */
async function blocksOf(page) {
  const text = await readFile(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8');
  const blocks = Array.from(text.matchAll(/^```ts\n([^]*?)^```$/gm), ([, code = '']) => code);
  if (blocks.length === 0) throw new Error(`${page} has no block`);
  return blocks.map((code, index) => [`${page.replace('/', '-')}-${index}.mts`, code]);
}

const files = (await Promise.all(pages.map(blocksOf))).flat();
const globals = given.map((name) => `declare const ${name}: string;`).join('\n');
await Promise.all([['given.d.ts', globals], ...files].map(([name, text]) => writeFile(join(target, name), text)));
