import { harmless } from './harmless.ts';
import type { Harmless } from './harmless-terms.ts';

/** The name of the declaration around a guard, or the code itself. */
const placeOf = ({ context }: Harmless): string => context.replace(/^(?:function|const) /, '').split('\n')[0] ?? '';

/** The list of survivors for readers: a Markdown table. */
export function survivorsTable(): string {
  const rows = harmless.map(
    (known) =>
      `| \`${known.file.replace(/^src\//, '')}\` | \`${placeOf(known)}\` | \`${known.guard}\` | ${known.reason} |`,
  );
  return ['| file | where | guard | second guard |', '|---|---|---|---|', ...rows].join('\n');
}
