/**
 * What a mutant takes away: a declared access, a check of what somebody may do in an organization, whose row it is, or
 * of which app.
 */
export const kinds = ['access', 'organization', 'row', 'app'] as const;

export type Kind = (typeof kinds)[number];

export type Outcome = 'caught' | 'harmless' | 'survived';

/** What became of one guard that was taken away. */
export interface Result {
  readonly kind: Kind;
  /** Where it stood and what it was. */
  readonly name: string;
  readonly outcome: Outcome;
  /** The test that noticed, or the second guard that makes it harmless. */
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
