import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let owner: Person;
let url: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  owner = await world.person();
});
beforeEach(async () => {
  url = `/v1/authorization/organizations/${await world.organization(owner)}`;
});
afterAll(() => app?.close());

const patch = (metadata: unknown) => world.call('PATCH', url, { token: owner.token, body: { metadata } });
/** A body as text that no serializer would write. */
const patchText = (text: string) =>
  world.call('PATCH', url, { token: owner.token, body: text, headers: { 'content-type': 'application/json' } });
const read = () => world.call('GET', `${url}?includeMetadata=true`, { token: owner.token });
const stored = async () => (await read()).json<{ metadata: Record<string, string> }>().metadata;
const keys = (from: number, to: number) =>
  Object.fromEntries(Array.from({ length: to - from }, (_, index) => [`key${from + index}`, `value${from + index}`]));
const statuses = async (attempts: ReturnType<typeof patch>[]) =>
  (await Promise.all(attempts)).map(({ statusCode }) => statusCode);

describe('metadata is refused', () => {
  test.each<[what: string, metadata: unknown, pointer: string]>([
    ['as a list', ['a'], '/body/metadata'],
    ['as text', 'a', '/body/metadata'],
    [
      'with 101 keys, all removed',
      Object.fromEntries(Array.from({ length: 101 }, (_, index) => [index, null])),
      '/body/metadata',
    ],
    ['with a number', { a: 1 }, '/body/metadata/a'],
    ['with a boolean', { a: true }, '/body/metadata/a'],
    ['with an object', { a: { b: 'c' } }, '/body/metadata/a'],
    ['with a value of 10,001 characters', { a: 'x'.repeat(10_001) }, '/body/metadata/a'],
    ['with NUL in a value', { a: 'b\0' }, '/body/metadata/a'],
    ['with half a surrogate pair in a value', { a: '\ud83d' }, '/body/metadata/a'],
    ['with the other half', { a: 'x\ude00' }, '/body/metadata/a'],
    ['with an empty key', { '': 'a' }, '/body/metadata/'],
    ['with a key of 201 characters', { ['k'.repeat(201)]: 'a' }, `/body/metadata/${'k'.repeat(201)}`],
    ['with NUL in a key', { 'a\0': 'b' }, '/body/metadata/a\0'],
    ['with half a surrogate pair in a key', { '\ud83d': 'b' }, '/body/metadata/\ud83d'],
  ])('%s', async (_, metadata, pointer) => {
    const response = await patch(metadata);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
    expect(await stored()).toEqual({});
  });

  test.each([
    ['a key that reaches for the prototype', '{"metadata":{"__proto__":"x"}}'],
    ['the same with an object', '{"metadata":{"__proto__":{"polluted":"yes"}}}'],
    ['the same escaped', '{"metadata":{"\\u005f_proto__":"x"}}'],
    ['a constructor with a prototype', '{"metadata":{"constructor":{"prototype":{"polluted":"yes"}}}}'],
    ['no JSON', '{"metadata":{"a":"b"}'],
    ['text after the JSON', '{"metadata":{"a":"b"}} x'],
  ])('metadata with %s is refused', async (_, text) => {
    const response = await patchText(text);
    expect(problem(response)).toBe('400 malformed_request');
    expect(await stored()).toEqual({});
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('metadata with bytes that are not UTF-8 is refused', async () => {
    const { appName } = world;
    const response = await app.app.inject({
      method: 'PATCH',
      url,
      headers: { 'x-app-name': appName, authorization: `Bearer ${owner.token}`, 'content-type': 'application/json' },
      payload: Buffer.concat([Buffer.from('{"metadata":{"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}}')]),
    });
    expect(problem(response)).toBe('400 malformed_request');
  });
});

describe('metadata', () => {
  test('merges: adds, updates, keeps, removes', async () => {
    await patch({ a: '1', b: '2' });
    await patch({ b: '3', c: '4' });
    expect(await stored()).toEqual({ a: '1', b: '3', c: '4' });
    await patch({ a: null, unknown: null });
    expect(await stored()).toEqual({ b: '3', c: '4' });
  });

  test.each<[what: string, metadata: Record<string, string>]>([
    ['a key of 200 characters', { ['k'.repeat(200)]: 'a' }],
    ['a value of 10,000 characters', { a: 'x'.repeat(10_000) }],
    ['an empty value', { a: '' }],
    ['a key with a slash, a tilde and a space', { 'a/b~c d': 'x' }],
    ['a key that means something to SQL and JSON', { "'; DROP TABLE users; --": '{"$1":null}' }],
    ['the names of prototype members', { constructor: 'x', toString: 'y', hasOwnProperty: 'z' }],
    ['letters of every kind', { 'clé 键 مفتاح 🔑': 'välüe 值 قيمة 😀' }],
    ['a reserved key of users', { 'app:plan': 'x' }],
  ])('may hold %s', async (_, metadata) => {
    expect((await patch(metadata)).statusCode).toBe(200);
    expect(await stored()).toEqual(metadata);
  });

  test('records keys in the audit, never values', async () => {
    await patch({ plan: 'secret value', old: null });
    const event = (await world.events()).at(-1);
    expect(event).toMatchObject({ action: 'organization.updated', actor: `user ${owner.userId}` });
    expect(event?.changes).toEqual(['metadata.plan', 'metadata.old']);
  });
});

describe('the limit of 30 items', () => {
  test('is exact, and a request beyond it changes nothing', async () => {
    expect((await patch(keys(0, 30))).statusCode).toBe(200);
    const events = (await world.events()).length;
    const before = await read();
    expect(problem(await patch({ key0: 'changed', key30: 'one too many' }))).toBe('400 metadata_limit_exceeded');
    const after = await read();
    expect([after.json(), after.headers['etag']]).toEqual([before.json(), before.headers['etag']]);
    expect(await world.events()).toHaveLength(events);
  });

  test('counts the remaining entries: replacing, removing and swapping fit', async () => {
    await patch(keys(0, 30));
    expect((await patch({ key0: 'changed' })).statusCode).toBe(200);
    expect((await patch({ key0: null, key30: 'value30' })).statusCode).toBe(200);
    expect(await stored()).toEqual(keys(1, 31));
  });

  test('refuses 31 items at once', async () => {
    expect(problem(await patch(keys(0, 31)))).toBe('400 metadata_limit_exceeded');
    expect(await stored()).toEqual({});
  });

  test('applies under concurrent writers: 40 keys, 30 kept', async () => {
    const outcome = await statuses(Array.from({ length: 40 }, (_, index) => patch(keys(index, index + 1))));
    expect(outcome.filter((status) => status === 200)).toHaveLength(30);
    expect(outcome.filter((status) => status === 400)).toHaveLength(10);
    const kept = Object.fromEntries(
      outcome.flatMap((status, index) => (status === 200 ? [[`key${index}`, `value${index}`]] : [])),
    );
    expect(await stored()).toEqual(kept);
  });

  test('applies under concurrent writers of several keys each', async () => {
    const outcome = await statuses(Array.from({ length: 8 }, (_, index) => patch(keys(index * 7, index * 7 + 7))));
    expect(outcome.filter((status) => status === 200)).toHaveLength(4);
    expect(Object.keys(await stored())).toHaveLength(28);
  });
});

describe('concurrent patches', () => {
  test('concurrent patches of different keys are all kept, each with its event and version', async () => {
    const before = Number(String((await read()).headers['etag']).replaceAll('"', ''));
    const events = (await world.events()).length;
    const outcome = await statuses(Array.from({ length: 20 }, (_, index) => patch(keys(index, index + 1))));
    expect(new Set(outcome)).toEqual(new Set([200]));
    expect(await stored()).toEqual(keys(0, 20));
    expect((await read()).headers['etag']).toBe(`"${before + 20}"`);
    expect(await world.events()).toHaveLength(events + 20);
  });

  test('concurrent patches that set and remove one key have one of the two results', async () => {
    await patch({ contested: 'old' });
    const attempts = Array.from({ length: 10 }, (_, index) => patch({ contested: index % 2 ? 'new' : null }));
    expect(new Set(await statuses(attempts))).toEqual(new Set([200]));
    expect([{}, { contested: 'new' }]).toContainEqual(await stored());
  });
});
