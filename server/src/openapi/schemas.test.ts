import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { collectSchemas } from './schemas.ts';

describe('a listed or constant value', () => {
  it.each([
    ['several integers', z.literal([1, 2]), { type: 'integer', enum: [1, 2] }],
    ['one integer', z.literal(1), { type: 'integer', const: 1 }],
    ['integers by name', z.enum({ LOW: 1, HIGH: 2 }), { type: 'integer', enum: [1, 2] }],
    ['integers or null', z.literal([1, 2]).nullable(), { type: ['integer', 'null'], enum: [1, 2, null] }],
    ['fractions', z.literal([0.5, 1]), { type: 'number', enum: [0.5, 1] }],
    ['one fraction', z.literal(0.5), { type: 'number', const: 0.5 }],
    ['text', z.literal(['1', '2']), { type: 'string', enum: ['1', '2'] }],
    ['any number', z.number(), { type: 'number' }],
  ])('has the narrowest type: %s', (_, schema, expected) => {
    expect(collectSchemas().add(schema, 'input')).toEqual(expected);
    expect(collectSchemas().add(schema, 'output')).toEqual(expected);
  });
});
