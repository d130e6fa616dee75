import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { listen, rawRequest, send } from '../test/raw-http.ts';
import { createWorld, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let orgId: string;
let port: number;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  orgId = await world.organization(world.admin);
  port = await listen(app);
});
afterAll(() => app?.close());

const limit = 256 * 1024;

/** Sends unchanged bytes to the call with the least restricted body: metadata of an organization. */
async function patch(
  payload: string | Buffer,
  headers: Record<string, string> = { 'content-type': 'application/json' },
) {
  const authorization = `Bearer ${world.admin.token}`;
  const url = `/v1/authorization/organizations/${orgId}`;
  const named = { 'x-app-name': world.appName, authorization, ...headers };
  return app.app.inject({ method: 'PATCH', url, headers: named, payload });
}

async function storedMetadata(): Promise<Record<string, string>> {
  const options = { token: world.admin.token };
  const response = await world.call('GET', `/v1/authorization/organizations/${orgId}?includeMetadata=true`, options);
  return response.json<{ metadata: Record<string, string> }>().metadata;
}

/** A value within the metadata, `levels` deep: the whole body has two levels more. */
const nested = (open: string, close: string, levels: number) =>
  `{"metadata":{"a":${open.repeat(levels)}1${close.repeat(levels)}}}`;

describe('malformed', () => {
  const bodies: [string, string | Buffer][] = [
    ['white space', '   '],
    ['half an object', '{"metadata":'],
    ['two objects', '{"metadata":{}}{"metadata":{}}'],
    ['single quotes', "{'metadata':{}}"],
    ['a trailing comma', '{"metadata":{},}'],
    ['a comment', '{/* */"metadata":{}}'],
    ['NaN', '{"metadata":NaN}'],
    ['undefined', 'undefined'],
    ['a form', 'metadata=1'],
    ['XML', '<metadata/>'],
    ['a raw control character', '{"metadata":{"a":"\u0001"}}'],
    ['a raw NUL', '{"metadata":{"a":"\0"}}'],
    ['NUL after it', '{"metadata":{}}\0'],
    ['UTF-16', Buffer.from('{"metadata":{}}', 'utf16le')],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['half a character', Buffer.from([0x22, 0xc3, 0x22])],
    ['an overlong encoding', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['a prototype', '{"__proto__":{"isSuperAdmin":true}}'],
    ['a prototype in disguise', '{"\\u005f_proto__":{"isSuperAdmin":true}}'],
    ['a prototype within', '{"metadata":{"a":{"__proto__":1}}}'],
    ['a prototype in an array', '[{"__proto__":1}]'],
    ['a constructor with a prototype', '{"constructor":{"prototype":{"isSuperAdmin":true}}}'],
    ['open brackets', '['.repeat(100_000)],
    ['arrays 65 deep', nested('[', ']', 63)],
    ['objects 65 deep', nested('{"a":', '}', 63)],
    ['arrays 60,000 deep', nested('[', ']', 60_000)],
    ['objects 20,000 deep', nested('{"a":', '}', 20_000)],
    ['depth after a string of brackets that are closed in it', `{"metadata":{"a":"]]]]\\"}","b":${'['.repeat(64)}`],
    ['depth in a field that is not known', `{"x":${'['.repeat(64)}${']'.repeat(64)}}`],
    ['depth in an array that is no body', `${'['.repeat(65)}${']'.repeat(65)}`],
  ];

  test.each(bodies)('%s', async (_what, body) => {
    const response = await patch(body);
    expect(response.json()).toMatchObject({ status: 400, code: 'malformed_request' });
    expect(response.body).not.toMatch(/position|JSON at|token|node_modules/);
    expect(({} as Record<string, unknown>)['isSuperAdmin']).toBeUndefined();
  });
});

describe('well-formed and wrong', () => {
  const bodies: [string, string, string[]][] = [
    ['null', 'null', ['/body']],
    ['a string', '"metadata"', ['/body']],
    ['a number', '1e400', ['/body']],
    ['true', 'true', ['/body']],
    ['an array', '[]', ['/body']],
    ['an array of the right thing', '[{"metadata":{}}]', ['/body']],
    ['nothing named', '{}', ['/body']],
    ['null for a map', '{"metadata":null}', ['/body/metadata']],
    ['an array for a map', '{"metadata":["a"]}', ['/body/metadata']],
    ['a string for a map', '{"metadata":"a"}', ['/body/metadata']],
    ['a number for a string', '{"metadata":{"a":1}}', ['/body/metadata/a']],
    ['an object for a string', '{"metadata":{"a":{}}}', ['/body/metadata/a']],
    ['arrays 64 deep', nested('[', ']', 62), ['/body/metadata/a']],
    ['objects 64 deep', nested('{"a":', '}', 62), ['/body/metadata/a']],
    ['100 arrays one after the other', `{"metadata":{"a":[${Array(100).fill('[]').join()}]}}`, ['/body/metadata/a']],
    ['NUL in a string', '{"metadata":{"a":"x\\u0000"}}', ['/body/metadata/a']],
    ['NUL in a key', '{"metadata":{"a\\u0000":"x"}}', ['/body/metadata/a\0']],
    ['half a surrogate pair in a string', '{"metadata":{"a":"\\ud800"}}', ['/body/metadata/a']],
    ['the other half', '{"metadata":{"a":"\\udc00x"}}', ['/body/metadata/a']],
    ['half a surrogate pair in a key', '{"metadata":{"\\ud800":"x"}}', ['/body/metadata/\ud800']],
    ['an empty key', '{"metadata":{"":"x"}}', ['/body/metadata/']],
    ['a key of 201 characters', `{"metadata":{"${'k'.repeat(201)}":"x"}}`, [`/body/metadata/${'k'.repeat(201)}`]],
    ['a value of 10,001 characters', `{"metadata":{"a":"${'v'.repeat(10_001)}"}}`, ['/body/metadata/a']],
    ['a key that needs escaping', '{"metadata":{"a/b~c":1}}', ['/body/metadata/a~1b~0c']],
    [
      'unknown fields',
      '{"metadata":{},"x":1,"constructor":1,"toString":1}',
      ['/body/constructor', '/body/toString', '/body/x'],
    ],
    ['fields of another case', '{"Metadata":{},"name":"Acme"}', ['/body/Metadata']],
    [
      'several faults',
      '{"metadata":{"a":1,"b":[]},"name":"","x":1}',
      ['/body/metadata/a', '/body/metadata/b', '/body/name', '/body/x'],
    ],
  ];

  test.each(bodies)('%s', async (_what, body, pointers) => {
    const response = await patch(body);
    expect(response.json()).toMatchObject({ status: 400, code: 'validation_failed' });
    const { errors } = response.json<{ errors: { pointer: string; message: string }[] }>();
    expect([...new Set(errors.map(({ pointer }) => pointer))].toSorted()).toEqual(pointers.map(asSent).toSorted());
    expect(errors.every(({ message }) => message.length > 0)).toBe(true);
  });

  /** Text that cannot be encoded as UTF-8 is sent as a JSON escape. */
  const asSent = (text: string): string => JSON.parse(JSON.stringify(text)) as string;

  test('a hundred thousand items are refused', async () => {
    expect((await patch(`{"metadata":[${'1,'.repeat(100_000)}1]}`)).statusCode).toBe(400);
    const keys = (count: number) => Array.from({ length: count }, (_, index) => `"k${index}":"v"`).join(',');
    expect((await patch(`{"metadata":{${keys(31)}}}`)).json()).toMatchObject({ code: 'metadata_limit_exceeded' });
    expect((await patch(`{"metadata":{${keys(20_000)}}}`)).json()).toMatchObject({ code: 'validation_failed' });
  });

  test('no value was stored', async () => {
    await patch('{"metadata":{"good":"1","bad":1}}');
    expect(await storedMetadata()).toEqual({});
  });
});

describe('metadata with names of built-in object properties', () => {
  test('is stored like any other', async () => {
    const metadata = { constructor: 'a', toString: 'b', hasOwnProperty: 'c', prototype: 'd', toJSON: 'e' };
    expect((await patch(JSON.stringify({ metadata }))).statusCode).toBe(200);
    expect(await storedMetadata()).toEqual(metadata);
    const removed = Object.fromEntries(Object.keys(metadata).map((key) => [key, null]));
    expect((await patch(JSON.stringify({ metadata: removed }))).statusCode).toBe(200);
    expect(await storedMetadata()).toEqual({});
  });
});

test('brackets in a string are text, also after an escaped quote', async () => {
  const deep = '[{'.repeat(2000);
  for (const text of [deep, `"${deep}`, `\\"${deep}`, `\\`, `${deep}\\`]) {
    expect((await patch(JSON.stringify({ metadata: { text } }))).statusCode).toBe(200);
    expect(await storedMetadata()).toEqual({ text });
  }
  await patch('{"metadata":{"text":null}}');
});

test('a byte order mark is ignored', async () => {
  expect((await patch('\uFEFF{"metadata":{}}')).statusCode).toBe(200);
});

test('the last value of a repeated key counts, for validation and for storage', async () => {
  expect((await patch('{"metadata":{"twice":"1"},"metadata":{"twice":1}}')).statusCode).toBe(400);
  expect((await patch('{"metadata":{"twice":1},"metadata":{"twice":"2"}}')).statusCode).toBe(200);
  expect(await storedMetadata()).toEqual({ twice: '2' });
  await patch('{"metadata":{"twice":null}}');
});

describe('the media type', () => {
  const accepted = [
    'application/json',
    'application/json;charset=utf-8',
    'application/json; charset=UTF-8',
    'application/json; charset="utf-8"',
    'Application/JSON',
    'application/json ; charset=utf-8',
    'application/json; profile=x',
  ];
  test.each(accepted)('%s is read', async (type) => {
    expect((await patch('{"metadata":{}}', { 'content-type': type })).statusCode).toBe(200);
  });

  const refused = [
    'text/plain',
    'text/json',
    'application/jsonx',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/merge-patch+json',
    'application/problem+json',
    'application/json, text/plain',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
    'text/plain; application/json',
    'json',
    '*/*',
    '',
    ' ',
    `application/${'x'.repeat(10_000)}`,
  ];
  test.each(refused)('the media type %s is not read', async (type) => {
    const response = await patch('{"metadata":{}}', { 'content-type': type });
    expect(response.json()).toMatchObject({ status: 415, code: 'unsupported_media_type' });
  });

  test('a missing media type is refused', async () => {
    expect((await patch('{"metadata":{}}', {})).json()).toMatchObject({ status: 415 });
  });

  test.each(['gzip', 'br', 'deflate', 'x-unknown', 'identity, gzip'])(
    'a body packed with %s is not',
    async (encoding) => {
      const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
      const response = await patch(gzipSync('{"metadata":{}}'), headers);
      expect(response.json()).toMatchObject({ status: 415, code: 'unsupported_media_type' });
    },
  );

  test.each(['identity', 'Identity', 'IDENTITY', ' identity ', 'identity, Identity'])(
    'a body that says it is not packed (%j) is read',
    async (encoding) => {
      const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
      expect((await patch('{"metadata":{}}', headers)).statusCode).toBe(200);
    },
  );
});

describe('the size', () => {
  const ofSize = (bytes: number) => {
    const start = '{"metadata":{}';
    return `${start}${' '.repeat(bytes - start.length - 1)}}`;
  };

  test('up to 256 KiB is read', async () => {
    expect((await patch(ofSize(limit))).statusCode).toBe(200);
  });

  test.each([limit + 1, 10 * limit])('%i bytes are refused', async (size) => {
    expect((await patch(ofSize(size))).json()).toMatchObject({ status: 413, code: 'body_too_large' });
  });

  test('the limit counts bytes, not characters', async () => {
    const text = `{"metadata":{"a":"${'\u20AC'.repeat(limit / 3)}"}}`;
    expect(text.length).toBeLessThan(limit);
    expect((await patch(text)).statusCode).toBe(413);
  });
});

describe('requests without a body', () => {
  const sessions = '/v1/authentication/users/me/sessions';
  const types = [
    undefined,
    '',
    ' ',
    'json',
    '*/*',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'application/json',
    'application/json; charset=utf-16',
    'application/x-www-form-urlencoded',
  ];
  const nothing: [string, string[]][] = types.flatMap((type): [string, string[]][] => {
    const line = type === undefined ? [] : [`Content-Type: ${type}`];
    return [
      [`${type}, nothing said of its length`, line],
      [`${type}, of length 0`, [...line, 'Content-Length: 0']],
      [`${type}, in chunks`, [...line, 'Transfer-Encoding: chunked']],
    ];
  });

  test.each(nothing)('is accepted if none is required: %s', async (what, lines) => {
    const credential = [`X-App-Name: ${world.appName}`, `Authorization: Bearer ${world.admin.token}`];
    const request = rawRequest(`DELETE ${sessions} HTTP/1.1`, [...credential, ...lines]);
    const chunks = what.endsWith('in chunks') ? '0\r\n\r\n' : '';
    expect((await send(port, `${request}${chunks}`)).status).toBe(204);
  });

  test('is distinguished from content of another type that is sent in chunks', async () => {
    const credential = [`X-App-Name: ${world.appName}`, `Authorization: Bearer ${world.admin.token}`];
    const lines = [...credential, 'Content-Type: text/plain', 'Transfer-Encoding: chunked'];
    const request = rawRequest(`DELETE ${sessions} HTTP/1.1`, lines);
    expect((await send(port, `${request}1\r\nx\r\n0\r\n\r\n`)).status).toBe(415);
  });

  test('is an error if one is required', async () => {
    for (const headers of [{}, { 'content-type': 'application/json' }]) {
      const response = await patch('', headers);
      expect(response.json()).toMatchObject({ status: 400, code: 'validation_failed', errors: [{ pointer: '/body' }] });
    }
  });

  test('no body and `{}` are equal if no field is required', async () => {
    const response = await world.call('DELETE', sessions, { token: world.admin.token, body: {} });
    expect(response.statusCode).toBe(204);
  });

  test.each([['[]'], ['null'], ['0'], ['""'], ['false'], ['{"x":1}'], ['[{}]']])('%s is a body', async (payload) => {
    const headers = { 'content-type': 'application/json', 'x-app-name': world.appName };
    const authorization = `Bearer ${world.admin.token}`;
    const response = await app.app.inject({
      method: 'DELETE',
      url: sessions,
      headers: { ...headers, authorization },
      payload,
    });
    expect(response.json()).toMatchObject({ code: 'validation_failed', errors: [{ pointer: '/body' }] });
  });

  test('the body of a GET is ignored', async () => {
    const headers = { 'content-type': 'application/json' };
    const response = await world.call('GET', '/v1/authentication/token/jwks', { headers, body: '{' });
    expect(response.statusCode).toBe(200);
  });
});
