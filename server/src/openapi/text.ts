/** Longest line, except for long strings. */
const width = 160;

const isComposite = (value: unknown): value is object => typeof value === 'object' && value !== null;

const keyed = (key: string, value: string): string => `${JSON.stringify(key)}: ${value}`;

function onOneLine(value: unknown): string {
  if (!isComposite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(', ')}]`;
  const members = Object.entries(value).map(([key, member]) => keyed(key, onOneLine(member)));
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

/**
 * Formats the items between two brackets. One-line items share lines as far as they fit; multi-line items stand alone.
 */
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

/** @param column column at which the value begins */
function format(value: unknown, indent: string, column: number): string {
  const short = onOneLine(value);
  // Reserves one character for a following comma.
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

/** Serializes a JSON value with lines of up to 160 characters, so that a small change makes a small diff. */
export const toText = (value: unknown): string => `${format(JSON.parse(JSON.stringify(value)), '', 0)}\n`;
