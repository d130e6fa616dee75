import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Route } from '../calls/route.ts';
import { routes } from '../routes.ts';
import { perform } from './samples/sample.ts';
import { bodySchemaOf, operations } from './openapi.document.ts';
import { type Field, fieldsOf, newValue, valueAt, withValue } from './patch-fields.ts';
import { type Kind, kinds, type Subject } from './patch-fields.kinds.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import { withStatus } from './world/answers.ts';
import { createWorld } from './world/world.ts';

const changingRoutes = routes.filter(({ method }) => method === 'PATCH' || method === 'PUT');

/** Fields of the body, as the document describes it. */
function fieldsOfBody({ operationId }: Route): Field[] {
  const found = operations.find(({ operation }) => operation.operationId === operationId);
  const schema = found && bodySchemaOf(found.operation);
  if (!schema) throw new Error(`${operationId} has no documented body: what does it change?`);
  return fieldsOf(schema);
}

const kindOf = ({ operationId }: Route): Kind => {
  const kind = kinds[operationId];
  if (!kind) throw new Error(`${operationId} needs an entry in patch-fields.kinds.ts.`);
  return kind;
};

let test: TestApp;

// With https, so that every setting can have each of its values.
beforeAll(async () => void (test = await buildTestApp({ env: { PUBLIC_URL: 'https://iam.example.com' } })));
afterAll(() => test?.close());

/** Sets one field alone, to a new value. @returns the results of the GET before and afterwards */
async function setAlone({ thing, send }: Subject, kind: Kind, field: Field) {
  const prepared = await thing.prepare();
  const base = prepared.body ?? {};
  const before = await thing.read(base);
  const value = newValue(field, valueAt(before, field.path), [kind.values?.[field.name]]);
  const body = withValue(base, field.path, value) as Record<string, unknown>;
  withStatus(200, await send({ ...prepared, body }));
  return { before, value, after: await thing.read(body) };
}

/** The resource without the field and without fields that depend on it. */
const withoutField = (thing: unknown, kind: Kind, { name, path }: Field): unknown =>
  [path, ...(kind.follows?.[name] ?? []).map((other) => other.split('.'))].reduce<unknown>(
    (rest, gone) => withValue(rest, gone, undefined),
    thing,
  );

describe.each(changingRoutes)('$operationId', (route) => {
  const kind = kindOf(route);
  const fields = fieldsOfBody(route);
  const shown = fields.filter(({ name }) => !kind.unseen?.[name]);
  let subject: Subject;

  beforeAll(async () => {
    const world = await createWorld(test);
    subject = {
      world,
      thing: await kind.make(world),
      send: (prepared) => perform(world, route, prepared, { token: prepared.as.token }),
    };
  });

  it.each(shown)('stores only $name', async (field) => {
    const { before, value, after } = await setAlone(subject, kind, field);
    expect(valueAt(after, field.path)).toEqual(value);
    expect(withoutField(after, kind, field)).toEqual(withoutField(before, kind, field));
  });

  it.each(kind.nullIsAbsent ? [] : shown.filter(({ isNullable }) => isNullable))('clears $name', async (field) => {
    const prepared = await subject.thing.prepare();
    const body = withValue(prepared.body ?? {}, field.path, null) as Record<string, unknown>;
    const present = await subject.thing.read(body);
    const isSet = (valueAt(present, field.path) ?? null) !== null;
    const before = isSet ? present : (await setAlone(subject, kind, field)).after;
    expect((await subject.send({ ...prepared, body })).statusCode).toBe(200);
    const after = await subject.thing.read(body);
    expect(valueAt(after, field.path) ?? null).toBeNull();
    expect(withoutField(after, kind, field)).toEqual(withoutField(before, kind, field));
  });

  it.each(Object.entries(kind.unseen ?? {}))('uses %s, which no GET shows', (_, { prove }) => prove(subject));

  it('has no entry for a removed field', () => {
    const known = new Set(fields.map(({ name }) => name));
    const listed = [kind.values, kind.follows, kind.unseen].flatMap((entries) => Object.keys(entries ?? {}));
    expect(listed.filter((name) => !known.has(name))).toEqual([]);
  });
});

it('has no entry for a removed route', () => {
  expect(Object.keys(kinds).toSorted()).toEqual(changingRoutes.map(({ operationId }) => operationId).toSorted());
});
