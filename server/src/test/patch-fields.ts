import { isDeepStrictEqual } from 'node:util';
import type { JsonSchema } from '../openapi/schemas.ts';
import { resolved } from './openapi.document.ts';

/** A field of a request body, at any depth, that can be set alone. */
export interface Field {
  /** The path of the field with dots. An item of a list is `0`: `roles.0.displayName`. */
  readonly name: string;
  readonly path: readonly string[];
  readonly schema: JsonSchema;
  readonly isNullable: boolean;
}

const isNullable = ({ type }: JsonSchema): boolean => Array.isArray(type) && type.includes('null');

/**
 * The schema of the values of a record whose entries are set individually: a string sets the entry, null removes it.
 */
function entrySchema({ additionalProperties }: JsonSchema): JsonSchema | undefined {
  if (typeof additionalProperties !== 'object' || additionalProperties === null) return undefined;
  const entry = resolved(additionalProperties as JsonSchema);
  return isNullable(entry) ? entry : undefined;
}

/** The schemas one level deeper, by their keys. */
function partsOf(schema: JsonSchema): [string, JsonSchema][] {
  if (schema.properties) return Object.entries(schema.properties);
  const item = schema['items'] as JsonSchema | undefined;
  if (item && resolved(item).properties) return [['0', item]];
  const entry = entrySchema(schema);
  const example = schema.examples?.[0] as object | undefined;
  return entry && example ? Object.entries(example).map(([key, value]) => [key, { ...entry, examples: [value] }]) : [];
}

/** The fields of a body, including those of nested objects and list items. */
export function fieldsOf(schema: JsonSchema, path: readonly string[] = []): Field[] {
  const whole = resolved(schema);
  const parts = partsOf(whole);
  if (parts.length > 0) return parts.flatMap(([key, part]) => fieldsOf(part, [...path, key]));
  return [{ name: path.join('.'), path, schema: whole, isNullable: isNullable(whole) }];
}

const toSchemaValues = ({ examples = [], enum: names, type, minimum, maximum }: JsonSchema): unknown[] => [
  ...examples,
  ...(Array.isArray(names) ? names : []),
  ...([type].flat().includes('boolean') ? [true, false] : []),
  minimum,
  maximum,
];

/**
 * A valid value of the field that differs from the present one.
 *
 * @param known values to try before those of the schema
 * @throws an error if there is none, because the field could not be tested
 */
export function newValue({ name, schema }: Field, present: unknown, known: readonly unknown[]): unknown {
  const value = [...known, ...toSchemaValues(schema)].find(
    (candidate) => candidate !== undefined && candidate !== null && !isDeepStrictEqual(candidate, present),
  );
  if (value === undefined) throw new Error(`No new value for ${name}: add one to its kind in patch-fields.kinds.ts.`);
  return value;
}

export const valueAt = (body: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<string, unknown> | null | undefined)?.[key], body);

/** A copy of the body in which this field has another value. */
export function withValue(body: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const inner = withValue(valueAt(body, [key]), rest, value);
  return Array.isArray(body) ? body.with(Number(key), inner) : { ...(body as object | undefined), [key]: inner };
}
