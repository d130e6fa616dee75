import { appendFileSync, readFileSync } from 'node:fs';

/** The guards that a run of one generated test file tests. */
export interface Plan {
  /** Guards to remove while single tests run. */
  readonly guards: readonly number[];
  /** The tests were not generated: those that cannot be repeated count for nothing. */
  readonly isByHand?: boolean;
  /** A guard that is removed before the file prepares itself. */
  readonly fromTheStart?: number;
}

/** The findings of a run of a test file, one per line. */
export type Finding =
  | { readonly caught: number; readonly by: string }
  /** Reached by a test that passed without the guard. */
  | { readonly reached: number }
  /** Reached during the preparation of the file. */
  | { readonly prepared: number };

/** Paths of the plan and of the findings of the run. */
export const variables = { suite: 'MUTATION_SUITE', plan: 'MUTATION_PLAN', findings: 'MUTATION_FINDINGS' } as const;

export const readPlan = (): Plan => JSON.parse(readFileSync(process.env[variables.plan] ?? '', 'utf8')) as Plan;

export const noteFinding = (finding: Finding): void =>
  appendFileSync(process.env[variables.findings] ?? '', `${JSON.stringify(finding)}\n`);

export const readFindings = (file: string): Finding[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Finding);
