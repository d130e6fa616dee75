import { createHash } from 'node:crypto';
import type { QueryConfig } from 'pg';
import type { Sql } from './db.ts';

/**
 * Each named statement stays prepared as long as its connection. Statements with a varying number of parameters have
 * unlimited texts, so statements beyond this number of texts are sent without a name.
 */
const maximumNames = 1000;

/** Converts a statement to the form that the driver sends. */
export type Preparer = (statement: Sql) => QueryConfig;

/**
 * A preparer that names statements, so that the server parses and plans each text once per connection. The name is
 * derived from the text: a pooler that shares connections between processes then shares the prepared statement too.
 */
export function namedStatements(): Preparer {
  const names = new Map<string, string>();
  return (statement) => {
    const text = statement.text;
    const name = names.get(text) ?? addName(names, text);
    return { name, text, values: statement.values };
  };
}

/** The preparer for a pooler that does not support prepared statements. */
export function unnamedStatements(): Preparer {
  return (statement) => ({ text: statement.text, values: statement.values });
}

function addName(names: Map<string, string>, text: string): string | undefined {
  if (names.size >= maximumNames) return undefined;
  const name = createHash('sha256').update(text).digest('base64url').slice(0, 24);
  names.set(text, name);
  return name;
}
