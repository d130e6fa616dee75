import type { FastifyServerOptions } from 'fastify';
import buildSerializer, { type Schema } from 'fast-json-stringify';
import { z } from 'zod';

/** Writes an answer as JSON text, and of it only what the schema names. */
type Serializer = (answer: unknown) => string;

/** Without the names: serialization needs every schema whole. */
const unnamed = z.registry<Record<string, never>>();

const serializers = new WeakMap<z.ZodType, Serializer>();

function compile(schema: z.ZodType): Serializer {
  const options = { io: 'output', metadata: unnamed, unrepresentable: 'any', target: 'draft-7' } as const;
  // Two libraries' types of the same standard: one of them knows fewer of its forms.
  return buildSerializer(z.toJSONSchema(schema, options) as Schema);
}

/**
 * The serializer of a response schema, which is the allow-list of what leaves. Compiled with the first answer, once for
 * all routes that have the schema: compiling those of every route took a sixth of the start.
 */
export function serializerOf(schema: z.ZodType): Serializer {
  const known = serializers.get(schema);
  if (known) return known;
  const compiled = compile(schema);
  serializers.set(schema, compiled);
  return compiled;
}

/** The framework's own compilers are not loaded: requests are validated by `calls/validate.ts`. */
export const schemaController = {
  compilersFactory: {
    buildValidator: () => {
      throw new Error('a route has a schema of the framework for its requests');
    },
    buildSerializer: () => {
      throw new Error('a route has a schema of the framework for its answers');
    },
  },
} satisfies FastifyServerOptions['schemaController'];
