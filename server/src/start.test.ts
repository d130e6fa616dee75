import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

// The modules that a start loads determine its duration: docs/adr/0075-modules-in-a-few-files.md has the figures.

/** Imports that the running program makes immediately: neither imports of types nor `import()`. */
const staticImport = /^(?:import|export)\s(?!type\s)(?:[^'";]*?\sfrom\s)?\s*['"]([^'"]+)['"]/gm;

interface Loaded {
  /** Our own files. */
  readonly files: ReadonlySet<string>;
  readonly packages: readonly string[];
}

/** The modules that the files of a directory load, including the files of ours that they import. */
function loadedBy(directory: string, ...entries: string[]): Loaded {
  const files = new Set<string>();
  const packages = new Set<string>();
  const open = [...entries];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const [, name = ''] of readFileSync(join(directory, file), 'utf8').matchAll(staticImport)) {
      if (name.startsWith('.')) open.push(join(dirname(file), name));
      else if (!name.startsWith('node:')) packages.add(name);
    }
  }
  return { files, packages: [...packages].toSorted() };
}

const sources = fileURLToPath(new URL('.', import.meta.url));
const dist = fileURLToPath(new URL('../dist/', import.meta.url));

test('a process that serves loads the packages that every deployment needs, and no others', () => {
  expect(loadedBy(sources, 'main.ts', 'deployment.ts', 'serve.ts').packages).toEqual([
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

test('the supervisor of workers loads neither the framework nor the driver', () => {
  const { packages } = loadedBy(sources, 'main.ts', 'workers.ts');
  expect(packages).toContain('prom-client');
  expect(packages.filter((name) => ['fastify', 'pg'].includes(name))).toEqual([]);
});

test('the built service has its modules in a few files', () => {
  const parts = readdirSync(dist).filter((name) => /^part-(?:deployment|serve)-.*\.js$/.test(name));
  const { files, packages } = loadedBy(dist, 'main.js', ...parts);
  expect(parts).toHaveLength(2);
  const ofSources = loadedBy(sources, 'main.ts', 'deployment.ts', 'serve.ts').packages;
  expect(packages).toEqual(ofSources.filter((name) => name !== 'zod'));
  expect(files.size).toBeLessThan(20);
});

test.runIf(existsSync('/usr/bin/script'))(
  'a build says in a terminal what it does, because a start builds first',
  () => {
    // This step does nothing after `npm run build`.
    const build = fileURLToPath(new URL('../scripts/build.js', import.meta.url));
    const command = `'${process.execPath}' '${build}' docs`;
    const { stdout } = spawnSync('/usr/bin/script', ['-qec', command, '/dev/null'], { encoding: 'utf8' });
    expect(stdout).toContain('Build, step 4 of 4: build the pages of the documentation\r\n');
  },
);
