import { type Harmless, harmless } from './harmless.ts';

/** The last word of where a guard stands, or the piece of code itself. */
const placeOf = ({ context }: Harmless): string => context.replace(/^(?:function|const) /, '').split('\n')[0] ?? '';

/** The list of survivors for readers: a Markdown table. */
export function survivorsTable(): string {
  const rows = harmless.map(
    (known) =>
      `| \`${known.file.replace(/^src\//, '')}\` | \`${placeOf(known)}\` | \`${known.guard}\` | ${known.reason} |`,
  );
  return ['| file | where | guard | second guard |', '|---|---|---|---|', ...rows].join('\n');
}
