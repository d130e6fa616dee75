import type { FastifyServerOptions } from 'fastify';
import buildSerializer, { type Schema } from 'fast-json-stringify';
import { z } from 'zod';

/** Serializes a response as JSON. Writes only what the schema names. */
type Serializer = (answer: unknown) => string;

/** Without names, because serialization needs every schema in full. */
const unnamed = z.registry<Record<string, never>>();

const serializers = new WeakMap<z.ZodType, Serializer>();

function compile(schema: z.ZodType): Serializer {
  const options = { io: 'output', metadata: unnamed, unrepresentable: 'any', target: 'draft-7' } as const;
  // Two libraries have different types for the same standard.
  return buildSerializer(z.toJSONSchema(schema, options) as Schema);
}

/**
 * The serializer of a response schema, which is the allow-list of the response. Compiled at the first response and
 * shared by all routes with the schema: compiling all of them took a sixth of the start time.
 */
export function serializerOf(schema: z.ZodType): Serializer {
  const known = serializers.get(schema);
  if (known) return known;
  const compiled = compile(schema);
  serializers.set(schema, compiled);
  return compiled;
}

/** The compilers of the framework are not loaded, because `calls/validate.ts` validates requests. */
export const schemaController = {
  compilersFactory: {
    buildValidator: () => {
      throw new Error('a route has a request schema of the framework');
    },
    buildSerializer: () => {
      throw new Error('a route has a response schema of the framework');
    },
  },
} satisfies FastifyServerOptions['schemaController'];
