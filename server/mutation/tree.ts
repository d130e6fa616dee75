import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applied, type Mutant } from './mutants.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const copied = [
  'package.json',
  'vitest.config.ts',
  'tsconfig.base.json',
  'server/package.json',
  'server/tsconfig.json',
  'server/src',
  'server/assets',
];

/** What a test run came to. */
export interface Verdict {
  readonly passed: boolean;
  /** The first test that failed, or what the run said when none did. */
  readonly why: string;
}

/** A test file, and the part of the names of those tests in it that are to run; all of them when there is none. */
export interface Suite {
  readonly file: string;
  readonly only?: string | undefined;
}

/** A copy of the working tree in which one mutant at a time is tested. */
export interface Tree {
  readonly folder: string;
  test(mutant: Mutant | undefined, suite: Suite): Promise<Verdict>;
  remove(): Promise<void>;
}

function run(folder: string, { file, only }: Suite): Promise<{ status: number | null; output: string }> {
  const vitest = join(folder, 'node_modules/vitest/vitest.mjs');
  const options = ['run', file, '--bail', '1', '--maxWorkers', '1', '--reporter', 'dot', '--no-color'];
  if (only !== undefined) options.push('--testNamePattern', only);
  const { TEST_DATABASE_URL: _, ...env } = process.env;
  const child = spawn(process.execPath, [vitest, ...options], { cwd: folder, env });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
  });
}

function toVerdict({ status, output }: { status: number | null; output: string }): Verdict {
  if (status === 0) return { passed: true, why: '' };
  const failed = /FAIL +(.*)/.exec(output)?.[1];
  if (failed === undefined) throw new Error(`the tests did not run:\n${output.slice(-2000)}`);
  return { passed: false, why: failed.trim() };
}

/** Writes the mutant, tests it, and puts the file back. */
async function testMutant(folder: string, mutant: Mutant | undefined, suite: Suite): Promise<Verdict> {
  if (!mutant) return toVerdict(await run(folder, suite));
  const file = join(folder, 'server', mutant.file);
  const source = await readFile(file, 'utf8');
  await writeFile(file, applied(source, mutant));
  try {
    return toVerdict(await run(folder, suite));
  } finally {
    await writeFile(file, source);
  }
}

/** Copies what the tests need; the working tree itself is never written to. */
export async function createTree(): Promise<Tree> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-mutation-'));
  await mkdir(join(folder, 'server'));
  for (const path of copied) await cp(join(root, path), join(folder, path), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  return {
    folder,
    test: (mutant, suite) => testMutant(folder, mutant, suite),
    remove: () => rm(folder, { recursive: true }),
  };
}
