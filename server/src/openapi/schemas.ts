import { z } from 'zod';

/** A schema of the document: JSON Schema 2020-12. */
export interface JsonSchema {
  [keyword: string]: unknown;
  $ref?: string;
  type?: string | string[];
  description?: string;
  examples?: unknown[];
  required?: string[];
  properties?: Record<string, JsonSchema>;
}

/** A schema for requests or for responses. Defaults and transformations make the two differ. */
export type Direction = 'input' | 'output';

/** Collects the schemas of a document. Named schemas are written once, others inline. */
export interface SchemaCollection {
  /** The schema for inline use. Its references are preliminary until `resolve`. */
  add(schema: z.ZodType, direction: Direction): JsonSchema;
  /** The named schemas by their final names, in alphabetical order. */
  components(): Record<string, JsonSchema>;
  /** Replaces preliminary references in everything that was built with `add` by final references. */
  resolve<Part>(part: Part): Part;
}

type Override = NonNullable<z.core.ToJSONSchemaParams['override']>;

/** Moves the metadata of a value to its nullable schema. */
function whatIsSaidOf(schema: z.core.$ZodTypes): Pick<JsonSchema, 'description' | 'examples'> {
  const { def } = schema._zod;
  const outer = z.globalRegistry.get(schema);
  const inner = def.type === 'nullable' ? z.globalRegistry.get(def.innerType) : undefined;
  const description = outer?.description ?? inner?.description;
  const examples = outer?.['examples'] ?? inner?.['examples'];
  return { ...(description !== undefined && { description }), ...(Array.isArray(examples) && { examples }) };
}

/** Listed or constant values of type `number`, all of which are integers. */
const hasIntegersOnly = ({ type, enum: listed, const: constant }: z.core.JSONSchema.BaseSchema): boolean =>
  type === 'number' && (listed ?? [constant]).every((value) => Number.isSafeInteger(value));

/**
 * Zod omits the examples of a transformed request field, because they could show the result; our examples always show
 * the input. Response objects are open, because fields may be added later; only objects declared strict are closed.
 */
const amend: Override = ({ zodSchema, jsonSchema }) => {
  if (jsonSchema.$ref === undefined) Object.assign(jsonSchema, whatIsSaidOf(zodSchema));
  // The default bounds of integers in JavaScript are not worth documenting.
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minLength === 0) delete jsonSchema.minLength;
  // Zod writes `number`, for which Java has the type BigDecimal.
  if (hasIntegersOnly(jsonSchema)) jsonSchema.type = 'integer';
  // Removed, because a generated client matches the pattern against the value that it has already parsed by `format`.
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
  const { def } = zodSchema._zod;
  if (def.type === 'object' && def.catchall === undefined) delete jsonSchema.additionalProperties;
};

/**
 * A value or null, as one schema with two types. This is shorter than two alternatives, and tools expect it. Some tools
 * (Scalar) report a schema without `type` as an error.
 */
function withNullAsType(schema: JsonSchema): JsonSchema {
  const { anyOf, ...said } = schema;
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return schema;
  const [value, none] = anyOf as [JsonSchema, JsonSchema];
  if (typeof value.type !== 'string' || none.type !== 'null') return schema;
  return {
    ...value,
    ...said,
    type: [value.type, 'null'],
    ...(Array.isArray(value['enum']) && { enum: [...(value['enum'] as unknown[]), null] }),
  };
}

/**
 * One string or several, such as `aud` (RFC 7519). Statically typed languages have no such type. Request schemas
 * declare only the array, which covers every case. Response schemas declare no type.
 */
function withoutOneOrSeveral(schema: JsonSchema, io: Direction): JsonSchema {
  const { anyOf, ...said } = schema;
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return schema;
  const [one, several] = anyOf as [JsonSchema, JsonSchema];
  if (one.type !== 'string' || several.type !== 'array') return schema;
  return io === 'input' ? { ...several, ...said } : said;
}

/** Responses may gain fields later, also if requests refuse unknown fields. */
function open(schema: JsonSchema): JsonSchema {
  const { additionalProperties, ...rest } = schema;
  return additionalProperties === false ? rest : schema;
}

const isObject = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function convert(schema: z.ZodType, io: Direction): JsonSchema {
  const converted = z.toJSONSchema(schema, { io, target: 'draft-2020-12', unrepresentable: 'any', override: amend });
  const mend = (value: JsonSchema): JsonSchema =>
    withoutOneOrSeveral(withNullAsType(io === 'output' ? open(value) : value), io);
  return JSON.parse(JSON.stringify(converted), (_, value: unknown) =>
    isObject(value) ? mend(value) : value,
  ) as JsonSchema;
}

/** A copy of `part`, which is JSON, with every reference replaced. */
function mapReferences<Part>(part: Part, replace: (reference: string) => string): Part {
  return JSON.parse(JSON.stringify(part), (key, value: unknown) =>
    key === '$ref' && typeof value === 'string' ? replace(value) : value,
  ) as Part;
}

const sorted = <Value>(record: Record<string, Value>): Record<string, Value> =>
  Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** The schemas that have a name, as input and as output. */
function createNamedSchemas() {
  const named = { input: new Map<string, JsonSchema>(), output: new Map<string, JsonSchema>() };

  /** The schema with every reference replaced by its target, as JSON. No schema refers to itself. */
  const expanded = (direction: Direction, name: string): string =>
    JSON.stringify(named[direction].get(name), (key, value: unknown) =>
      key === '$ref' ? expanded(direction, String(value).split('/').at(-1) ?? '') : value,
    );

  const differs = (name: string): boolean =>
    named.output.has(name) && named.input.has(name) && expanded('input', name) !== expanded('output', name);

  return {
    named,
    /** The name in the document. Input and output share a name if they are equal. */
    finalName: (direction: Direction, name: string): string =>
      direction === 'input' && differs(name) ? `${name}Input` : name,
    remember(direction: Direction, name: string, schema: JsonSchema): void {
      const known = named[direction].get(name);
      if (known && JSON.stringify(known) !== JSON.stringify(schema)) throw new Error(`Two schemas are named ${name}`);
      named[direction].set(name, schema);
    },
  };
}

/** Creates an empty collection. */
export function collectSchemas(): SchemaCollection {
  const schemas = createNamedSchemas();

  const resolve = <Part>(part: Part): Part =>
    mapReferences(part, (reference) => {
      const [, direction, name = ''] = /^#\/(input|output)\/(.+)$/.exec(reference) ?? [];
      return direction ? `#/components/schemas/${schemas.finalName(direction as Direction, name)}` : reference;
    });

  return {
    add(schema, direction) {
      const converted = mapReferences(convert(schema, direction), (reference) =>
        reference.replace('#/$defs/', `#/${direction}/`),
      );
      const { $schema: _, $defs, ...inPlace } = converted;
      for (const [name, part] of Object.entries(($defs ?? {}) as Record<string, JsonSchema>)) {
        schemas.remember(direction, name, part);
      }
      return inPlace;
    },
    components() {
      const all = (['output', 'input'] as const).flatMap((direction) =>
        [...schemas.named[direction]].map(
          ([name, schema]) => [schemas.finalName(direction, name), resolve(schema)] as const,
        ),
      );
      return sorted(Object.fromEntries(all));
    },
    resolve,
  };
}
