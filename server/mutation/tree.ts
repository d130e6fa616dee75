import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applied, instrumented, type Mutant } from './mutants.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const copied = [
  'package.json',
  'vitest.config.ts',
  'tsconfig.base.json',
  'server/package.json',
  'server/tsconfig.json',
  'server/src',
  'server/assets',
  'server/mutation/reach.setup.ts',
];

/** What a test run came to. */
export interface Verdict {
  readonly passed: boolean;
  /** The first test that failed, or what the run said when none did. */
  readonly why: string;
}

/** A test file, and the names of those tests in it that are to run; all of them when there is none. */
export interface Suite {
  readonly file: string;
  readonly only?: readonly string[] | undefined;
}

/** A copy of the working tree in which one mutant at a time is tested. */
export interface Tree {
  readonly folder: string;
  test(mutant: Mutant, suite: Suite): Promise<Verdict>;
  /** Runs a whole test file without any mutant. @returns the names of the tests that reach each of these guards */
  reach(mutants: readonly Mutant[], file: string): Promise<Map<Mutant, string[]>>;
  remove(): Promise<void>;
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** More names than this do not fit a command line, and then nearly all tests are meant. */
const namesAtMost = 60;

function optionsFor({ file, only }: Suite): string[] {
  const options = ['run', file, '--bail', '1', '--maxWorkers', '1', '--reporter', 'dot', '--no-color'];
  if (only === undefined || only.length > namesAtMost) return options;
  return [...options, '--testNamePattern', `^(?:${only.map(escaped).join('|')})$`];
}

function run(folder: string, options: readonly string[], more: Record<string, string> = {}) {
  const vitest = join(folder, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, ...options], { cwd: folder, env: { ...process.env, ...more } });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise<{ status: number | null; output: string }>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
  });
}

function toVerdict({ status, output }: { status: number | null; output: string }): Verdict {
  if (status === 0 && / passed/.test(output)) return { passed: true, why: '' };
  const failed = /FAIL +(.*)/.exec(output)?.[1];
  if (failed === undefined) throw new Error(`the tests did not run:\n${output.slice(-2000)}`);
  return { passed: false, why: failed.trim() };
}

/** Writes the mutant, tests it, and puts the file back. */
async function testMutant(folder: string, mutant: Mutant, suite: Suite): Promise<Verdict> {
  const file = join(folder, 'server', mutant.file);
  const source = await readFile(file, 'utf8');
  await writeFile(file, applied(source, mutant));
  try {
    return toVerdict(await run(folder, optionsFor(suite)));
  } finally {
    await writeFile(file, source);
  }
}

/** Notes in every file of the copy which guards are reached. @returns puts the files back */
async function instrument(folder: string, mutants: readonly Mutant[]): Promise<() => Promise<void>> {
  const numbered = mutants.map((mutant, id) => ({ ...mutant, id }));
  const paths = [...new Set(mutants.map(({ file }) => file))];
  const sources = await Promise.all(
    paths.map(async (path) => ({ path, source: await readFile(join(folder, 'server', path), 'utf8') })),
  );
  for (const { path, source } of sources) {
    const probed = numbered.filter(({ file, probe }) => file === path && probe);
    await writeFile(join(folder, 'server', path), instrumented(source, probed));
  }
  return async () => {
    for (const { path, source } of sources) await writeFile(join(folder, 'server', path), source);
  };
}

async function findReach(folder: string, mutants: readonly Mutant[], file: string): Promise<Map<Mutant, string[]>> {
  const restore = await instrument(folder, mutants);
  const notes = join(folder, 'reach.jsonl');
  const options = [...optionsFor({ file }), '--config', 'reach.config.ts'];
  const { passed, why } = toVerdict(await run(folder, options, { MUTATION_REACH: notes }));
  await restore();
  if (!passed) throw new Error(`${file} fails without any mutant: ${why}`);
  const found = new Map<Mutant, string[]>();
  for (const line of (await readFile(notes, 'utf8')).split('\n').filter(Boolean)) {
    const { id, names } = JSON.parse(line) as { id: number; names: string[] };
    const mutant = mutants[id];
    // Where names are matched, blocks and tests are joined by a space.
    if (mutant)
      found.set(
        mutant,
        names.map((name) => name.replaceAll(' > ', ' ')),
      );
  }
  await rm(notes);
  return found;
}

const reachConfig = `import config from './vitest.config.ts';
config.test.setupFiles = ['server/mutation/reach.setup.ts'];
export default config;
`;

/** Copies what the tests need; the working tree itself is never written to. */
export async function createTree(): Promise<Tree> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-mutation-'));
  await mkdir(join(folder, 'server'));
  for (const path of copied) await cp(join(root, path), join(folder, path), { recursive: true });
  await writeFile(join(folder, 'reach.config.ts'), reachConfig);
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return {
    folder,
    test: (mutant, suite) => testMutant(folder, mutant, suite),
    reach: (mutants, file) => findReach(folder, mutants, file),
    remove: () => rm(folder, { recursive: true }),
  };
}
