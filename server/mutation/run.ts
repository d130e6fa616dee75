import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { harmless } from './harmless.ts';
import { findMutants, type Mutant } from './mutants.ts';
import { type Kind, printResult, printSummary, type Result } from './report.ts';
import { createTree, type Suite, type Tree } from './tree.ts';

// Takes away one guard at a time and runs the generated tests: those that notice nothing are no proof.

const byCallers = ['test/access.test.ts', 'test/tenancy.test.ts', 'test/tenancy.twins.test.ts', 'test/audit.test.ts'];

/** The generated tests, the likeliest to notice first. */
const suites: Readonly<Record<Kind, readonly string[]>> = {
  access: ['test/access.test.ts'],
  organization: byCallers,
  'owner of a row': byCallers,
  app: ['test/tenancy.twins.test.ts', 'test/tenancy.test.ts', 'test/access.test.ts', 'test/audit.test.ts'],
};

/** Which tests of a file reach a guard. */
type Reach = ReadonlyMap<string, ReadonlyMap<Mutant, readonly string[]>>;

/** Why a survivor does no harm; a reason goes with the code around the guard, wherever it moves to. */
const reasonFor = ({ file, original, context }: Mutant): string | undefined =>
  harmless.find((known) => known.file === file && known.guard === original && context.includes(known.context))?.reason;

/** Only tests that reach a guard can miss it. One that only the preparation of tests reaches concerns all of them. */
function suitesFor(mutant: Mutant, reach: Reach): Suite[] {
  return suites[mutant.kind].flatMap((file): Suite[] => {
    if (!mutant.probe) return [{ file }];
    const names = reach.get(file)?.get(mutant);
    if (!names) return [];
    return [names.length === 0 ? { file } : { file, only: names }];
  });
}

const nameOf = ({ file, line, original, replacement }: Mutant): string =>
  `${file}:${line}  ${original || '(more)'} → ${replacement || '(nothing)'}`;

async function tryOut(tree: Tree, mutant: Mutant, reach: Reach): Promise<Result> {
  const { kind } = mutant;
  const name = nameOf(mutant);
  for (const suite of suitesFor(mutant, reach)) {
    const { passed, why } = await tree.test(mutant, suite);
    if (!passed) return { kind, name, outcome: 'caught', why };
  }
  const reason = reasonFor(mutant);
  return { kind, name, outcome: reason === undefined ? 'survived' : 'harmless', why: reason ?? '' };
}

/** Works off the queue in one tree. */
async function work(tree: Tree, queue: Mutant[], reach: Reach, results: Result[]): Promise<void> {
  for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
    const result = await tryOut(tree, mutant, reach);
    results.push(result);
    printResult(result);
  }
}

/** Without a mutant everything has to pass, or nothing that follows means anything. */
async function findReach(trees: readonly Tree[], mutants: readonly Mutant[]): Promise<Reach> {
  const files = [...new Set(mutants.flatMap(({ kind }) => suites[kind]))];
  const reach = new Map<string, Map<Mutant, string[]>>();
  const find = async (tree: Tree): Promise<void> => {
    for (let file = files.shift(); file !== undefined; file = files.shift()) {
      reach.set(file, await tree.reach(mutants, file));
    }
  };
  await Promise.all(trees.map(find));
  return reach;
}

async function tryGuardsInSources(isWanted: (mutant: Mutant) => boolean): Promise<Result[]> {
  const trees = [await createTree(), await createTree()] as const;
  try {
    const queue = findMutants(join(trees[0].folder, 'server')).filter(isWanted);
    const reach = await findReach(trees, queue);
    const results: Result[] = [];
    await Promise.all(trees.map((tree) => work(tree, queue, reach, results)));
    return results;
  } finally {
    await Promise.all(trees.map((tree) => tree.remove()));
  }
}

const folder = fileURLToPath(new URL('./', import.meta.url));

/** A share of the declarations of access, in a process of its own. */
async function tryDeclarations(shard: string): Promise<Result[]> {
  const place = await mkdtemp(join(tmpdir(), 'gatehouse-mutation-'));
  const results = join(place, 'results.json');
  const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
  const child = spawn(
    process.execPath,
    [vitest, 'run', '--config', join(folder, 'vitest.config.ts'), '--reporter', 'dot'],
    {
      env: { ...process.env, MUTATION_SHARD: shard, MUTATION_RESULTS: results },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (status !== 0) throw new Error('the checks of access fail without any mutant; run the tests');
  const found = JSON.parse(await readFile(results, 'utf8')) as Result[];
  await rm(place, { recursive: true });
  found.forEach(printResult);
  return found;
}

const isKind = (text: string | undefined): text is Kind => text !== undefined && text in suites;

/** @param only a kind of guard, or a part of the path of the files to look at; everything when there is none */
async function main(only: string | undefined): Promise<void> {
  const isWanted = ({ kind, file }: Mutant) =>
    only === undefined || (isKind(only) ? kind === only : file.includes(only));
  const declared =
    only === undefined || only === 'access' ? await Promise.all(['0/2', '1/2'].map(tryDeclarations)) : [];
  const results = [...declared.flat(), ...(await tryGuardsInSources(isWanted))];
  printSummary(results);
  if (results.some(({ outcome }) => outcome === 'survived')) process.exitCode = 1;
}

await main(process.argv[2]);
