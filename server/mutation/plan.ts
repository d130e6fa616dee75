import { appendFileSync, readFileSync } from 'node:fs';

/** What a run of one generated test file is to try. */
export interface Plan {
  /** Guards to take away while single tests run. */
  readonly guards: readonly number[];
  /** Guards that only so many tests are to try, because a survivor is expected. */
  readonly expected: readonly number[];
  /** A guard that is gone from the start, when the file prepares itself. */
  readonly fromTheStart?: number;
}

/** What the run of a test file finds out, a line each. */
export type Finding =
  | { readonly caught: number; readonly by: string }
  /** Reached by a test that did not miss it. */
  | { readonly reached: number }
  /** Reached while the file prepared itself. */
  | { readonly prepared: number };

/** How the run is told its plan, and where it leaves its findings. */
export const variables = { suite: 'MUTATION_SUITE', plan: 'MUTATION_PLAN', findings: 'MUTATION_FINDINGS' } as const;

export const readPlan = (): Plan => JSON.parse(readFileSync(process.env[variables.plan] ?? '', 'utf8')) as Plan;

export const noteFinding = (finding: Finding): void =>
  appendFileSync(process.env[variables.findings] ?? '', `${JSON.stringify(finding)}\n`);

export const readFindings = (file: string): Finding[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Finding);
