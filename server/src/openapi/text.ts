/** Longest line, but for texts. */
const width = 160;

const isComposite = (value: unknown): value is object => typeof value === 'object' && value !== null;

const keyed = (key: string, value: string): string => `${JSON.stringify(key)}: ${value}`;

function onOneLine(value: unknown): string {
  if (!isComposite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(', ')}]`;
  const members = Object.entries(value).map(([key, member]) => keyed(key, onOneLine(member)));
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

/** Formats the items between two brackets: as many one-line items per line as fit; multi-line items separately. */
function filled(items: readonly string[], indent: string): string {
  const lines: string[] = [];
  for (const item of items) {
    const line = lines.at(-1);
    const together = `${line}, ${item}`;
    if (line !== undefined && !together.includes('\n') && indent.length + together.length < width)
      lines.splice(-1, 1, together);
    else lines.push(item);
  }
  return lines.join(`,\n${indent}`);
}

/** @param column where the value begins in its line */
function format(value: unknown, indent: string, column: number): string {
  const short = onOneLine(value);
  // The last character is the comma that may follow.
  if (!isComposite(value) || column + short.length < width) return short;
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value.map((item) => format(item, deeper, deeper.length));
    return `[\n${deeper}${filled(items, deeper)}\n${indent}]`;
  }
  const members = Object.entries(value).map(([key, member]) =>
    keyed(key, format(member, deeper, deeper.length + keyed(key, '').length)),
  );
  return `{\n${deeper}${filled(members, deeper)}\n${indent}}`;
}

/**
 * Writes a JSON value as a text file: what fits a line of 160 characters stands on one, so that a small change is a
 * small diff.
 */
export const toText = (value: unknown): string => `${format(JSON.parse(JSON.stringify(value)), '', 0)}\n`;
