import { join } from 'node:path';
import { harmless } from './harmless.ts';
import { findMutants, type Kind, type Mutant } from './mutants.ts';
import { createTree, type Suite, type Tree } from './tree.ts';

// Takes away one guard at a time and runs the generated tests: those that notice nothing are no proof.

const suites: Readonly<Record<Kind, readonly string[]>> = {
  access: ['test/access.test.ts'],
  organization: ['test/access.test.ts', 'test/tenancy.test.ts', 'test/tenancy.twins.test.ts', 'test/audit.test.ts'],
  app: ['test/tenancy.twins.test.ts', 'test/tenancy.test.ts', 'test/access.test.ts', 'test/audit.test.ts'],
};

type Outcome = 'caught' | 'harmless' | 'survived';

interface Result {
  readonly mutant: Mutant;
  readonly outcome: Outcome;
  readonly why: string;
}

const print = (line: string): boolean => process.stdout.write(`${line}\n`);

/** Why a survivor does no harm; a reason goes with the code around the guard, wherever it moves to. */
const reasonFor = ({ file, original, context }: Mutant): string | undefined =>
  harmless.find((known) => known.file === file && known.guard === original && context.includes(known.context))?.reason;

/** The likeliest to notice come first. */
function suitesFor({ kind, operationId }: Mutant): Suite[] {
  const whole = suites[kind].map((file) => ({ file }));
  return operationId === undefined ? whole : [{ file: suites[kind][0] ?? '', only: operationId }, ...whole];
}

async function tryOut(tree: Tree, mutant: Mutant): Promise<Result> {
  for (const suite of suitesFor(mutant)) {
    const { passed, why } = await tree.test(mutant, suite);
    if (!passed) return { mutant, outcome: 'caught', why };
  }
  const reason = reasonFor(mutant);
  return { mutant, outcome: reason === undefined ? 'survived' : 'harmless', why: reason ?? '' };
}

function report({ mutant, outcome, why }: Result): void {
  const { file, line, original, replacement } = mutant;
  print(`${outcome.padEnd(8)} ${file}:${line}  ${original || '(more)'} → ${replacement || '(nothing)'}  ${why}`);
}

/** Works off the queue in one tree. */
async function work(tree: Tree, queue: Mutant[], results: Result[]): Promise<void> {
  for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
    const result = await tryOut(tree, mutant);
    results.push(result);
    report(result);
  }
}

/** Without a mutant everything has to pass, or nothing that follows means anything. */
async function checkBaseline(trees: readonly Tree[]): Promise<void> {
  const files = [...new Set(Object.values(suites).flat())];
  const check = async (tree: Tree): Promise<void> => {
    for (let file = files.shift(); file !== undefined; file = files.shift()) {
      const { passed, why } = await tree.test(undefined, { file });
      if (!passed) throw new Error(`${file} fails without any mutant: ${why}`);
    }
  };
  await Promise.all(trees.map(check));
}

function summarize(results: readonly Result[]): void {
  for (const kind of ['access', 'organization', 'app'] as const) {
    const some = results.filter(({ mutant }) => mutant.kind === kind);
    const count = (outcome: Outcome) => some.filter((result) => result.outcome === outcome).length;
    print(
      `${kind}: ${some.length} guards, ${count('caught')} caught, ${count('harmless')} harmless, ${count('survived')} survived`,
    );
  }
}

async function main(only: string | undefined): Promise<void> {
  const trees = [await createTree(), await createTree()] as const;
  try {
    await checkBaseline(trees);
    const all = findMutants(join(trees[0].folder, 'server'));
    const queue = all.filter(({ kind }) => only === undefined || kind === only);
    const results: Result[] = [];
    await Promise.all(trees.map((tree) => work(tree, queue, results)));
    summarize(results);
    if (results.some(({ outcome }) => outcome === 'survived')) process.exitCode = 1;
  } finally {
    await Promise.all(trees.map((tree) => tree.remove()));
  }
}

await main(process.argv[2]);
