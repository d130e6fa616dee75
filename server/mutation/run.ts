import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { harmless } from './harmless.ts';
import type { Harmless } from './harmless-terms.ts';
import { findMutants, type Mutant } from './mutants.ts';
import { type Finding, type Plan, readFindings, variables } from './plan.ts';
import { type Kind, kinds, printResult, printSummary, type Result } from './report.ts';

// Removes one guard at a time and runs the generated tests. A test that does not fail says nothing about the guard.

/** The generated tests, beginning with those that are most likely to fail. */
const generated = (...names: readonly string[]) => names.map((name) => `test/${name}.test.ts`);
const byCallers = generated('access', 'tenancy', 'audit', 'tenancy.twins', 'authorize-replay');
const byRows = generated('tenancy', 'audit', 'access');
const suites: Readonly<Record<Kind, readonly string[]>> = {
  access: byCallers,
  organization: byCallers,
  row: byRows,
  app: generated('tenancy.twins', 'tenancy', 'access', 'audit'),
  authentication: generated('fresh-authentication', 'organization-policy', 'grants', 'restricted-sessions'),
};

const server = fileURLToPath(new URL('../', import.meta.url));

/** Tests of other directories that test the guards of a directory. */
const testedElsewhere: Readonly<Record<string, readonly string[]>> = {
  access: ['organizations/security'],
  accounts: ['users/me', 'sessions/session-of-caller'],
  'api-keys': ['organizations/remembered-devices', 'sessions/session-of-caller'],
  apps: ['factors/policy-settings'],
  branding: ['sign-in-pages/preview'],
  codes: ['accounts/email-verification', 'email/send-mails'],
  devices: ['sign-in/remembered-devices'],
  factors: ['sign-in/allowed-factors'],
  'identity-providers': ['super-admins/super-admins', 'federation/promoted-accounts'],
  members: ['organization-machine-users/former-owners', 'organizations/security'],
  'organization-machine-users': ['operate/organization-machines', 'tokens/organization-machine-token'],
  organizations: ['sessions/session-of-caller'],
  passkeys: ['factors/passkeys'],
  roles: ['organizations/security'],
  sessions: ['factors/factors', 'exchanges/copied-sessions'],
  users: ['sessions/session-of-caller', 'email/mail-quotas'],
};

/** Runs vitest with a configuration of this folder. @returns whether all tests passed, and the output */
async function vitest(
  config: string,
  env: Readonly<Record<string, string>>,
): Promise<{ passed: boolean; output: string }> {
  const program = join(server, '../node_modules/vitest/vitest.mjs');
  const options = ['run', '--config', join(server, 'mutation', config), '--reporter', 'dot', '--no-color'];
  const child = spawn(process.execPath, [program, ...options], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const status = await new Promise((resolve) => child.on('close', resolve));
  return { passed: status === 0, output };
}

async function withFolder<Outcome>(work: (folder: string) => Promise<Outcome>): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-mutation-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

interface SuiteRun {
  readonly passed: boolean;
  readonly output: string;
  readonly findings: readonly Finding[];
}

const runSuite = (suite: string, plan: Plan): Promise<SuiteRun> =>
  withFolder(async (folder) => {
    const [planFile, findingsFile] = [join(folder, 'plan.json'), join(folder, 'findings.jsonl')];
    await Promise.all([writeFile(planFile, JSON.stringify(plan)), writeFile(findingsFile, '')]);
    const env = { [variables.suite]: suite, [variables.plan]: planFile, [variables.findings]: findingsFile };
    return { ...(await vitest('guards.config.ts', env)), findings: readFindings(findingsFile) };
  });

/** Kinds whose guards must all be detected. */
const decisive: ReadonlySet<Kind> = new Set(['access', 'organization']);

/**
 * The reason why a removal is harmless. The entry is found by the code around the guard, also after the code was moved.
 */
function harmlessnessOf({ kind, file, original, context }: Mutant): Harmless | undefined {
  if (decisive.has(kind)) return undefined;
  return harmless
    .filter((known) => known.file === file && known.guard === original && context.includes(known.context))
    .toSorted((one, other) => context.lastIndexOf(other.context) - context.lastIndexOf(one.context))[0];
}

const roomOf = ({ file }: Mutant): string => file.split('/').slice(1, -1).join('/');

const nameOf = ({ file, line, original, replacement }: Mutant): string =>
  `${file}:${line}  ${original || '(more)'} → ${replacement || '(nothing)'}`;

/** Tests guards in one test file after the other, until a test fails without the guard. */
class Trial {
  readonly #open: Map<number, Mutant>;
  readonly #reached = new Set<number>();
  /** The guards that were reached only during the preparation of a test file, with those files. */
  readonly #prepared = new Map<number, string[]>();
  readonly results: Result[] = [];
  /** The entries of the list that are needed. */
  readonly needed: Harmless[] = [];

  constructor(mutants: readonly Mutant[]) {
    this.#open = new Map(mutants.map((mutant) => [mutant.id, mutant]));
  }

  async run(files: readonly string[]): Promise<void> {
    for (const suite of files) await this.#runSuite(suite);
    for (const room of this.#roomsOfOpen()) await this.#runRoom(room);
    for (const [id, prepared] of this.#prepared) if (!this.#reached.has(id)) await this.#tryFromTheStart(id, prepared);
    for (const mutant of this.#open.values()) this.#survive(mutant);
  }

  async #runSuite(suite: string): Promise<void> {
    if (this.#open.size === 0) return;
    const { passed, output, findings } = await runSuite(suite, { guards: [...this.#open.keys()] });
    if (!passed) throw new Error(`the tests of ${suite} fail without any mutant:\n${output.slice(-4000)}`);
    for (const finding of findings) this.#learn(suite, finding);
  }

  /** The rooms of the guards that no generated test detects, and for which no second guard is known. */
  #roomsOfOpen(): ReadonlySet<string> {
    return new Set([...this.#open.values()].filter((mutant) => !harmlessnessOf(mutant)).map(roomOf));
  }

  /** Runs the tests of a directory against the guards of this directory. */
  async #runRoom(room: string): Promise<void> {
    const elsewhere = testedElsewhere[basename(room)] ?? [];
    for (const tests of [join(room, '*.test.ts'), ...elsewhere.map((name) => `${name}.test.ts`)]) {
      const guards = [...this.#open.values()].filter((mutant) => roomOf(mutant) === room).map(({ id }) => id);
      const { findings, output } = await runSuite(tests, { guards, isByHand: true });
      const isNamed = !tests.includes('*');
      if (isNamed && output.includes('No test files found')) throw new Error(`there are no tests in ${tests}`);
      for (const finding of findings) if (!('prepared' in finding)) this.#learn(tests, finding);
    }
  }

  #learn(suite: string, finding: Finding): void {
    if ('reached' in finding) this.#reached.add(finding.reached);
    else if ('caught' in finding) this.#catch(finding.caught, finding.by);
    else this.#prepared.set(finding.prepared, [...(this.#prepared.get(finding.prepared) ?? []), suite]);
  }

  async #tryFromTheStart(id: number, files: readonly string[]): Promise<void> {
    for (const suite of files) {
      if (!this.#open.has(id)) return;
      const { passed } = await runSuite(suite, { guards: [], fromTheStart: id });
      if (!passed) this.#catch(id, suite);
    }
  }

  #catch(id: number, why: string): void {
    const mutant = this.#open.get(id);
    if (!mutant) return;
    this.#open.delete(id);
    this.#note(mutant, { outcome: 'caught', why });
  }

  #survive(mutant: Mutant): void {
    const known = harmlessnessOf(mutant);
    if (known) {
      this.needed.push(known);
      this.#note(mutant, { outcome: 'harmless', why: known.reason });
    } else {
      const isReached = this.#reached.has(mutant.id) || this.#prepared.has(mutant.id);
      this.#note(mutant, { outcome: 'survived', why: isReached ? '' : 'no test reaches it' });
    }
  }

  #note(mutant: Mutant, outcome: Pick<Result, 'outcome' | 'why'>): void {
    const result = { kind: mutant.kind, name: nameOf(mutant), ...outcome };
    this.results.push(result);
    printResult(result);
  }
}

/** The findings of all guards with the same order of test files, in a separate process. */
async function tryGuards(files: readonly string[], mutants: readonly Mutant[]): Promise<Trial> {
  const trial = new Trial(mutants.filter(({ kind }) => suites[kind] === files));
  await trial.run(files);
  return trial;
}

/** Unnecessary entries of the list: their guards are detected, or no longer exist. */
function findStale(trials: readonly Trial[]): Harmless[] {
  const needed = new Set(trials.flatMap((trial) => trial.needed));
  return harmless.filter((known) => !needed.has(known));
}

/** A part of the access declarations, in a separate process. */
const tryDeclarations = (shard: string): Promise<Result[]> =>
  withFolder(async (folder) => {
    const file = join(folder, 'results.json');
    const { passed, output } = await vitest('declarations.config.ts', {
      MUTATION_SHARD: shard,
      MUTATION_RESULTS: file,
    });
    if (!passed) throw new Error(`the checks of access fail without any mutant:\n${output.slice(-4000)}`);
    const results = JSON.parse(await readFile(file, 'utf8')) as Result[];
    results.forEach(printResult);
    return results;
  });

const isKind = (text: string): text is Kind => (kinds as readonly string[]).includes(text);

/** @param only kinds of guards, or parts of the paths of files; empty: everything */
async function main(only: readonly string[]): Promise<void> {
  const isWanted = ({ kind, file }: Pick<Mutant, 'kind' | 'file'>) =>
    only.length === 0 || only.some((part) => (isKind(part) ? kind === part : file.includes(part)));
  const hasWhole = (kind: Kind) => only.length === 0 || only.includes(kind);
  const declared = hasWhole('access') ? await Promise.all(['0/2', '1/2'].map(tryDeclarations)) : [];
  const mutants = findMutants(server).filter(isWanted);
  const trials = await Promise.all(
    [byCallers, byRows, suites.app, suites.authentication].map((files) => tryGuards(files, mutants)),
  );
  const results = [...declared.flat(), ...trials.flatMap((trial) => trial.results)];
  printSummary(results);
  const stale = kinds.every((kind) => decisive.has(kind) || hasWhole(kind)) ? findStale(trials) : [];
  for (const { file, guard, context } of stale) process.stdout.write(`not needed: ${file}  ${guard}  ${context}\n`);
  if (stale.length > 0 || results.some(({ outcome }) => outcome === 'survived')) process.exitCode = 1;
}

await main(process.argv.slice(2));
