import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

// What a start loads is what everybody waits for. ADR 0070 has the figures.

const sources = fileURLToPath(new URL('.', import.meta.url));

/** Imports that are there when the program runs: neither those of types nor those made later by `import()`. */
const staticImport = /^(?:import|export)\s(?!type\s)(?:[^'";]*?\sfrom\s)?\s*'([^']+)'/gm;

/** The packages that the file, and every file of ours that it imports, load at once. */
function packagesLoadedBy(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return new Set();
  seen.add(file);
  const source = readFileSync(join(sources, file), 'utf8');
  const names = [...source.matchAll(staticImport)].map(([, name]) => String(name));
  const own = names.filter((name) => name.startsWith('.')).map((name) => join(dirname(file), name));
  const packages = names.filter((name) => !name.startsWith('.') && !name.startsWith('node:'));
  return new Set([...packages, ...own.flatMap((name) => [...packagesLoadedBy(name, seen)])]);
}

test('a start loads the packages that every deployment needs, and no others', () => {
  expect([...packagesLoadedBy('main.ts')].toSorted()).toEqual([
    '@fastify/cors',
    'cookie',
    'dataloader',
    'fast-json-stringify',
    'fastify',
    'lru-cache',
    'pg',
    'pino',
    'prom-client',
    'sql-template-tag',
    'tr46',
    'zod',
  ]);
});
