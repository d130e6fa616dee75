/**
 * Writes the calls that the pages of operations show into a file of a directory, so that the compiler can read them.
 *
 *   node .ci/tools/sdk-snippets.js DIRECTORY
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const [target = ''] = process.argv.slice(2);
const pages = new URL('../../server/dist/documentation/', import.meta.url);

/** Operations that take a form, for programs that speak OAuth. The SDK has no function for them. */
const withoutFunction = new Set(['introspectTokenAsClient']);

const isOperation = (name) => /^docs~api~.*\.md$/.test(name);
const isShown = (name) => isOperation(name) && !withoutFunction.has(name.slice('docs~api~'.length, -'.md'.length));
const names = (await readdir(pages)).filter(isShown);
const calls = await Promise.all(
  names.map(async (name) => {
    const [, code] = /^```typescript\n([^]*?)^```$/m.exec(await readFile(new URL(name, pages), 'utf8')) ?? [];
    if (code === undefined) throw new Error(`${name} shows no TypeScript`);
    return code;
  }),
);
const idsOf = (code) => /^await [\w.]+\(([\w, ]*)/.exec(code)?.[1]?.match(/\w+/g) ?? [];
const ids = [...new Set(calls.flatMap(idsOf))].map((id) => `declare const ${id}: string;`);
const head = ["import type { Client } from '@gatehouse/sdk';", 'declare const client: Client;', ...ids];
await writeFile(join(target, 'operations.mts'), [...head, ...calls].join('\n'));

process.stdout.write(`${calls.length} operations\n`);
