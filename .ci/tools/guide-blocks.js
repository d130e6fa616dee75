/**
 * Writes each TypeScript block of the SDK's guide into a file of a directory, so that the compiler can read it.
 *
 *   node .ci/tools/guide-blocks.js DIRECTORY
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const [target = ''] = process.argv.slice(2);
const guide = new URL('../../docs/guides/typescript-sdk.md', import.meta.url);

/** What the text around the blocks gives to the reader. */
const given = ['baseUrl', 'clientId', 'clientSecret', 'organizationId', 'orgId', 'sessionToken'];

const blocks = (await readFile(guide, 'utf8')).matchAll(/^```ts\n([^]*?)^```$/gm);
const files = Array.from(blocks, ([, code = ''], index) => [`guide-${index}.mts`, code]);
if (files.length === 0) throw new Error('The guide has no block');
const globals = given.map((name) => `declare const ${name}: string;`).join('\n');
await Promise.all([['given.d.ts', globals], ...files].map(([name, text]) => writeFile(join(target, name), text)));
