import { type Sql, sql } from './db/db.ts';
import { ApiError } from './http/errors.ts';

/** Metadata of a user or an organization: strings by name. */
export type Metadata = Record<string, string>;

/** Changes to metadata: a string sets a key, `null` removes it, absent keys stay unchanged. */
export type MetadataPatch = Record<string, string | null>;

const itemLimit = 30;

/** Refuses metadata of a new user or organization that exceeds the limit. @throws ApiError `metadata_limit_exceeded` */
export function checkMetadataLimit(metadata: Metadata): void {
  if (Object.keys(metadata).length > itemLimit) throw new ApiError('metadata_limit_exceeded');
}

/**
 * The new value of a metadata column in an `UPDATE`, and the condition that limits the number of keys. As a part of the
 * statement, the limit holds under concurrent writers. A JSON path counts the keys, because a sub-select takes a tenth
 * of the statement's time.
 */
export function mergeMetadata(column: Sql, patch: MetadataPatch): { merged: Sql; fits: Sql } {
  const entries = Object.entries(patch);
  const set = JSON.stringify(Object.fromEntries(entries.filter(([, value]) => value !== null)));
  const remove = entries.filter(([, value]) => value === null).map(([key]) => key);
  const merged = sql`((${column} || ${set}::jsonb) - ${remove}::text[])`;
  return { merged, fits: sql`jsonb_array_length(jsonb_path_query_array(${merged}, '$.*')) <= ${itemLimit}` };
}
