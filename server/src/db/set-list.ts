import { join, type Sql, sql } from './db.ts';

/**
 * The new value of a column: undefined keeps the stored value, `null` clears it, any other value replaces it. The text
 * of the statement is the same in all three cases, so that it is planned once.
 */
export const valueOr = (column: Sql, value: unknown): Sql =>
  sql`CASE WHEN ${value !== undefined}::boolean THEN ${value ?? null} ELSE ${column} END`;

/** The assignment of a column in an `UPDATE`; see `valueOr`. */
export const setIf = (column: Sql, value: unknown): Sql => sql`${column} = ${valueOr(column, value)}`;

/** The assignments that store each field of a patch. A field without an entry does not compile. */
export type Assignments<Patch> = { readonly [Field in keyof Patch]-?: (value: Patch[Field]) => Sql | readonly Sql[] };

/** The `SET` list that applies a patch. Contains every field, absent or not. */
export function setList<Patch extends object>(patch: Patch, assignments: Assignments<NoInfer<Patch>>): Sql {
  const assignmentsOf = <Field extends keyof Patch>(field: Field) => assignments[field](patch[field]);
  return join((Object.keys(assignments) as (keyof Patch)[]).flatMap(assignmentsOf), ', ');
}
