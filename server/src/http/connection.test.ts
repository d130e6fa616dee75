import { once } from 'node:events';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { exchange, listen, parseAnswers, type RawAnswer, rawRequest, send } from '../test/raw-http.ts';
import { createWorld, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let port: number;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  port = await listen(app);
});
afterAll(() => app?.close());

const machineUsers = '/v1/authorization/machine-users';

function expectProblem(answer: RawAnswer | undefined, status: number, code: string): void {
  expect(answer?.headers.get('content-type')).toEqual(['application/problem+json']);
  const problem: unknown = JSON.parse(answer?.body ?? '');
  const requestId = answer?.headers.get('x-request-id')?.[0];
  expect(problem).toMatchObject({ type: `http://127.0.0.1:3000/errors/${code}`, status, code, requestId });
  expect(answer?.status).toBe(status);
  expect(answer?.headers.get('x-content-type-options')).toEqual(['nosniff']);
}

async function isUp(): Promise<boolean> {
  const { status } = await send(
    port,
    rawRequest('GET /v1/authentication/token/jwks HTTP/1.1', [`X-App-Name: ${world.appName}`]),
  );
  return status === 200;
}

async function machineNames(): Promise<string[]> {
  const response = await world.call('GET', `${machineUsers}?pageSize=100`, { token: world.admin.token });
  return response.json<{ machineUsers: { userName: string }[] }>().machineUsers.map(({ userName }) => userName);
}

const createMachine = (headers: readonly string[], body: string) =>
  rawRequest(
    `POST ${machineUsers} HTTP/1.1`,
    [
      `X-App-Name: ${world.appName}`,
      `Authorization: Bearer ${world.admin.token}`,
      'Content-Type: application/json',
      ...headers,
    ],
    body,
  );

describe('bytes that are not HTTP', () => {
  const garbage: [string, string | Buffer][] = [
    ['words', 'hello\r\n\r\n'],
    ['another protocol’s request line', 'GET / FTP/1.1\r\n\r\n'],
    ['a TLS handshake', Buffer.from('16030100a5010000a10303', 'hex')],
    ['NUL', Buffer.alloc(64)],
    ['a NUL in a header', rawRequest('GET / HTTP/1.1', ['X-App-Name: de\0mo'])],
    ['a line feed in a header', rawRequest('GET / HTTP/1.1', ['X-App-Name: de\rmo'])],
    ['white space before the colon', rawRequest('GET / HTTP/1.1', ['X-App-Name : demo'])],
    ['two lengths', namelessRequest(['Content-Length: 2', 'Content-Length: 3'])],
    ['a length and chunks', namelessRequest(['Content-Length: 2', 'Transfer-Encoding: chunked'])],
    ['a negative length', namelessRequest(['Content-Length: -1'])],
    ['a length in words', namelessRequest(['Content-Length: two'])],
    ['a chunk of no size', namelessRequest(['Transfer-Encoding: chunked'], 'zz\r\n{}\r\n0\r\n\r\n')],
    ['chunked twice over', namelessRequest(['Transfer-Encoding: chunked, identity'], '0\r\n\r\n')],
    ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'],
  ];

  test.each(garbage)('%s', async (_what, bytes) => {
    const answer = await send(port, bytes);
    expect(answer.status).toBe(400);
    expect(await isUp()).toBe(true);
  });

  test('are answered with a problem', async () => {
    expectProblem(await send(port, 'hello\r\n\r\n'), 400, 'malformed_request');
  });
});

/** Builds a request without a world, because the table is built before the world exists. */
function namelessRequest(headers: readonly string[], body = '{}'): string {
  return rawRequest(`POST ${machineUsers} HTTP/1.1`, ['Content-Type: application/json', ...headers], body);
}

describe('headers without end', () => {
  test.each([
    ['one large header', [`X-Large: ${'x'.repeat(20_000)}`]],
    ['many headers', Array.from({ length: 1500 }, (_, index) => `X-Header-${index}: value`)],
    ['a large cookie', [`Cookie: session-token=${'x'.repeat(20_000)}`]],
  ])('%s', async (_what, headers) => {
    expectProblem(await send(port, rawRequest('GET /healthz HTTP/1.1', headers)), 431, 'headers_too_large');
    expect(await isUp()).toBe(true);
  });

  test('a very long address is refused with 431', async () => {
    expectProblem(await send(port, rawRequest(`GET /${'x'.repeat(20_000)} HTTP/1.1`)), 431, 'headers_too_large');
  });
});

describe('clients that leave', () => {
  test('a client that disconnects in the middle of a body changes nothing', async () => {
    const socket = connect(port, '127.0.0.1');
    const body = JSON.stringify({ userName: 'half' });
    socket.write(createMachine([`Content-Length: ${body.length + 1}`], body));
    socket.end();
    socket.resume();
    await once(socket, 'close');
    expect(await machineNames()).not.toContain('half');
  });

  test('a client that disconnects in the middle of a chunked body changes nothing', async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(createMachine(['Transfer-Encoding: chunked'], '17\r\n{"userName":"chunked"'));
    socket.resetAndDestroy();
    await once(socket, 'close');
    expect(await isUp()).toBe(true);
    expect(await machineNames()).not.toContain('chunked');
  });

  test('a client that disconnects before the response does no harm', async () => {
    const socket = connect(port, '127.0.0.1');
    const body = JSON.stringify({ userName: 'gone' });
    socket.write(createMachine([`Content-Length: ${body.length}`], body), () => socket.resetAndDestroy());
    await once(socket, 'close');
    expect(await isUp()).toBe(true);
  });

  test('hundreds of clients that disconnect do no harm', async () => {
    const sockets = Array.from({ length: 100 }, () => connect(port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const socket of sockets) socket.write(createMachine(['Content-Length: 100'], '{'));
    const closed = sockets.map((socket) => once(socket, 'close'));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
    expect(await isUp()).toBe(true);
  });
});

describe('lengths', () => {
  test('a body that is shorter than announced is never accepted', async () => {
    const socket = connect(port, '127.0.0.1');
    const received = once(socket, 'close');
    socket.on('data', () => {});
    socket.end(createMachine(['Content-Length: 200'], '{"userName":"short"}'));
    await received;
    expect(await machineNames()).not.toContain('short');
  });

  test('data after a body is another request', async () => {
    const bodies = ['first', 'second'].map((userName) => JSON.stringify({ userName }));
    const [first = '', second = ''] = bodies.map((body) => createMachine([`Content-Length: ${body.length}`], body));
    const text = await exchange(port, first.replace('Connection: close', 'Connection: keep-alive') + second);
    expect(parseAnswers(text).map(({ status }) => status)).toEqual([201, 201]);
    expect(await machineNames()).toEqual(expect.arrayContaining(['first', 'second']));
  });

  test('a chunked body is read like any other', async () => {
    const body = JSON.stringify({ userName: 'chunks' });
    const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
    const chunks = `${chunk(body.slice(0, 5))}${chunk(body.slice(5))}0\r\n\r\n`;
    const answer = await send(port, createMachine(['Transfer-Encoding: chunked'], chunks));
    expect(answer.status).toBe(201);
  });

  test('a chunked body above the limit is refused before its end', async () => {
    const chunk = 'x'.repeat(300 * 1024);
    const answer = await send(
      port,
      createMachine(['Transfer-Encoding: chunked'], `${chunk.length.toString(16)}\r\n${chunk}\r\n`),
    );
    expectProblem(answer, 413, 'body_too_large');
    expect(answer.headers.get('connection')).toEqual(['close']);
  });

  test('a length above the limit is refused before the body arrives', async () => {
    expectProblem(await send(port, createMachine([`Content-Length: ${256 * 1024 + 1}`], '')), 413, 'body_too_large');
  });
});

test('pipelined requests are answered one by one, in their order', async () => {
  const keepAlive = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-App-Name: ${world.appName}\r\n\r\n`;
  const paths = ['/v1/authentication/token/jwks', '/nowhere', '/v1/authentication/users/me'];
  const text = await exchange(port, paths.map(keepAlive).join('') + rawRequest('GET /v1/platform/apps HTTP/1.1'));
  expect(parseAnswers(text).map(({ status }) => status)).toEqual([200, 404, 401, 401]);
});

test.each(['TRACE', 'CONNECT', 'PROPFIND', 'PURGE'])('%s does nothing', async (method) => {
  const text = await exchange(
    port,
    rawRequest(`${method} /v1/authentication/users HTTP/1.1`, [`X-App-Name: ${world.appName}`]),
  );
  expect(text === '' || /^HTTP\/1\.1 (400|404|405) /.test(text)).toBe(true);
  expect(await isUp()).toBe(true);
});

describe('CONNECT', () => {
  const request = rawRequest('CONNECT evil.example:443 HTTP/1.1', ['X-Request-Id: no-proxy-1']);

  test('is refused like any other method, because the service is not a proxy', async () => {
    const answers = parseAnswers(await exchange(port, `${request}GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n`));
    expect(answers).toHaveLength(1);
    const { status, headers, body } = answers[0] as (typeof answers)[number];
    expect(status).toBe(405);
    expect(headers.get('content-type')).toEqual(['application/problem+json']);
    expect(headers.get('allow')).toEqual(['']);
    expect(headers.get('connection')).toEqual(['close']);
    expect(headers.get('x-request-id')).toEqual(['no-proxy-1']);
    expect(JSON.parse(body)).toMatchObject({ status: 405, code: 'method_not_allowed', requestId: 'no-proxy-1' });
  });

  test('CONNECT from a client that disconnects affects no other client', async () => {
    const sockets = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const socket = connect(port, '127.0.0.1');
        await once(socket, 'connect');
        socket.on('error', () => {});
        socket.write(request);
        return socket;
      }),
    );
    for (const socket of sockets) socket.resetAndDestroy();
    expect(await isUp()).toBe(true);
  });
});

test('HTTP/1.0 and an absolute address are understood', async () => {
  const header = `X-App-Name: ${world.appName}\r\n\r\n`;
  expect((await send(port, `GET /v1/authentication/token/jwks HTTP/1.0\r\n${header}`)).status).toBe(200);
  const request = rawRequest('GET http://evil.example/v1/authentication/users/me HTTP/1.1', [
    `X-App-Name: ${world.appName}`,
  ]);
  expect([401, 404]).toContain((await send(port, request)).status);
});

test('an upgrade is ignored', async () => {
  const headers = [`X-App-Name: ${world.appName}`, 'Upgrade: websocket', 'Sec-WebSocket-Key: AAAA'];
  const request = rawRequest('GET /v1/authentication/token/jwks HTTP/1.1', headers).replace(
    'Connection: close',
    'Connection: Upgrade, close',
  );
  expect((await send(port, request)).status).toBe(200);
});

describe('a body that is too large', () => {
  const kib = 1024;

  const headers = [`POST ${machineUsers} HTTP/1.1`, 'Host: localhost', 'Content-Type: application/json'];
  const inLength = (body: string) => [`Content-Length: ${body.length}`, '', body];
  const inChunks = (body: string) => ['Transfer-Encoding: chunked', '', body.length.toString(16), body, '0', '', ''];

  test.each([
    ['with a length', 257, inLength],
    ['with a length', 4_000, inLength],
    ['in chunks', 257, inChunks],
    ['in chunks', 4_000, inChunks],
  ])('%s, of %i KiB: a client that sends all before it reads gets the answer', async (_form, size, framed) => {
    const caller = [`X-App-Name: ${world.appName}`, `Authorization: Bearer ${world.admin.token}`];
    const socket = connect(port, '127.0.0.1');
    await promisify((bytes: string, sent: (error?: Error | null) => void) => socket.write(bytes, sent))(
      [...headers, ...caller, ...framed('x'.repeat(size * kib))].join('\r\n'),
    );
    const [answer] = parseAnswers((await buffer(socket)).toString());
    expectProblem(answer, 413, 'body_too_large');
  });

  test('a body that never ends is not read without end', async () => {
    const caller = [`X-App-Name: ${world.appName}`, `Authorization: Bearer ${world.admin.token}`];
    const request = [...headers, ...caller, 'Content-Length: 10000000000', '', ''].join('\r\n');
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    const closed = once(socket.resume(), 'close').catch(() => {});
    socket.write(request);
    const more = Buffer.alloc(64 * kib, 'x');
    const feed = () => {
      while (socket.writable && socket.write(more));
    };
    socket.on('drain', feed);
    feed();
    await closed;
    expect(socket.bytesWritten).toBeLessThan(100_000_000);
  });
});
