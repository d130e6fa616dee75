import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import type { DatabaseFacts } from './database.ts';
import type { Options } from './options.ts';
import { counts, hashParameters } from './seed.ts';

/** Conditions that must be equal before the results of two runs are compared. */
export interface Conditions {
  /** Of the measured service. */
  readonly commit: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGibibytes: number;
    readonly kernel: string;
    /** Processes that were running or waiting for a core in the preceding minute. */
    readonly loadBefore: number;
  };
  readonly node: string;
  readonly database: DatabaseFacts;
}

/**
 * @returns the commit of the work tree that contains the file, and whether it has changes; `unknown` outside a work
 *   tree
 */
function commitOf(file: string): string {
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', dirname(file), ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const isChanged = git('status', '--porcelain', '--untracked-files=no') !== '';
    return git('rev-parse', '--short=10', 'HEAD') + (isChanged ? ' with changes' : '');
  } catch {
    return 'unknown';
  }
}

export function describeConditions({ server }: Options, database: DatabaseFacts): Conditions {
  return {
    commit: commitOf(server),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      memoryGibibytes: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      loadBefore: loadavg()[0] ?? Number.NaN,
    },
    node: process.version,
    database,
  };
}

/** Rows of a table. */
export function conditionLines(options: Options, { commit, machine, node, database }: Conditions): string[][] {
  const { users, sessions, organizations, membersOfEach, machines, events } = counts;
  const { memoryCost, timeCost, parallelism } = hashParameters;
  const settings = Object.entries(database.settings).map(([name, value]) => `${name}=${value}`);
  return [
    ['condition', 'of this run'],
    ['commit', commit],
    ['machine', `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGibibytes} GiB, Linux ${machine.kernel}`],
    ['load before', `${machine.loadBefore.toFixed(2)} processes running or waiting`],
    ['Node.js', node],
    ['database', `${options.engine} ${database.version}, ${settings.join(', ')}`],
    [
      'data',
      `${database.size}: ${users} users, ${sessions} sessions, ${organizations} organizations with ${membersOfEach} ` +
        `members or more, ${machines} machine users, ${events} events`,
    ],
    [
      'load',
      `${options.connections} connections, ${options.pairs} pairs of ${options.seconds} s, pool of ${options.poolSize}`,
    ],
    ['hashing', `argon2id m=${memoryCost}, t=${timeCost}, p=${parallelism}`],
  ];
}
