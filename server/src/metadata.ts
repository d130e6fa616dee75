import { type Sql, sql } from './db/db.ts';
import { ApiError } from './http/errors.ts';

/** Metadata of a user or an organization: strings by name. */
export type Metadata = Record<string, string>;

/** Changes to metadata: a string sets a key, `null` removes it, keys that are not named stay. */
export type MetadataPatch = Record<string, string | null>;

const itemLimit = 30;

/** Refuses metadata that a new user or organization could not hold. @throws ApiError `metadata_limit_exceeded` */
export function checkMetadataLimit(metadata: Metadata): void {
  if (Object.keys(metadata).length > itemLimit) throw new ApiError('metadata_limit_exceeded');
}

/**
 * What an `UPDATE` makes of a metadata column, and the condition under which it may: being part of the statement, the
 * limit holds under concurrent writers. A path counts the keys, because a sub-select costs a tenth of the statement.
 */
export function mergeMetadata(column: Sql, patch: MetadataPatch): { merged: Sql; fits: Sql } {
  const entries = Object.entries(patch);
  const set = JSON.stringify(Object.fromEntries(entries.filter(([, value]) => value !== null)));
  const remove = entries.filter(([, value]) => value === null).map(([key]) => key);
  const merged = sql`((${column} || ${set}::jsonb) - ${remove}::text[])`;
  return { merged, fits: sql`jsonb_array_length(jsonb_path_query_array(${merged}, '$.*')) <= ${itemLimit}` };
}
