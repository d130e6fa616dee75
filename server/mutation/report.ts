/**
 * The kind of a removed guard: a declared access, a check of an action in an organization, a condition on the owner of
 * a row, or on the app, or a check of the authentication: its age, its second factor, or a policy.
 */
export const kinds = ['access', 'organization', 'row', 'app', 'authentication'] as const;

export type Kind = (typeof kinds)[number];

export type Outcome = 'caught' | 'harmless' | 'survived';

/** The result for one removed guard. */
export interface Result {
  readonly kind: Kind;
  /** The location and the code of the guard. */
  readonly name: string;
  readonly outcome: Outcome;
  /** The test that failed, or the second guard that makes the removal harmless. */
  readonly why: string;
}

const print = (line: string): boolean => process.stdout.write(`${line}\n`);

export function printResult({ outcome, name, why }: Result): void {
  print(`${outcome.padEnd(8)} ${name}  ${why}`);
}

/** One line for each kind. */
export function printSummary(results: readonly Result[]): void {
  for (const kind of kinds) {
    const some = results.filter((result) => result.kind === kind);
    const count = (outcome: Outcome) => some.filter((result) => result.outcome === outcome).length;
    print(
      `${kind}: ${some.length} guards, ${count('caught')} caught, ${count('harmless')} harmless, ` +
        `${count('survived')} survived`,
    );
  }
}
