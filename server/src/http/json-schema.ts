import { z } from 'zod';

/** Without the names: serialisation wants every schema whole. */
const unnamed = z.registry<Record<string, never>>();

/** A response schema as JSON Schema; it is the allow-list by which answers are serialised. */
export function toJsonSchema(schema: z.ZodType): unknown {
  return z.toJSONSchema(schema, { io: 'output', metadata: unnamed, unrepresentable: 'any', target: 'draft-7' });
}
