import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { publicAccess } from '../access/access.ts';
import { noAudit, route } from '../calls/route.ts';
import { routes } from '../routes.ts';
import { listen, parseAnswers, rawRequest, send } from '../test/raw-http.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';

/** Calls in progress, in order. Each ends when the test says so. */
let begun: (() => void)[];
let opened: Socket[];
const answer = z.object({ place: z.number().meta({ description: 'Its place.', examples: [1] }) }).meta({ id: 'Slow' });
const slow = async () => {
  await new Promise<void>((end) => begun.push(end));
  return { place: begun.length };
};
const shared = {
  tag: 'platform',
  summary: 'Takes its time',
  description: 'Answers when the test says so.',
  access: publicAccess({ app: 'none' }),
  response: { status: 200, description: 'The end.', body: answer },
} as const;
const slowRoutes = [
  route({ ...shared, method: 'GET', url: '/slow', operationId: 'getSlow', handler: slow }),
  route({
    ...shared,
    method: 'POST',
    url: '/slow',
    operationId: 'postSlow',
    audit: noAudit('A test.'),
    body: z.object({ text: z.string() }),
    handler: slow,
  }),
];

let app: TestApp;
let port: number;

beforeAll(async () => {
  app = await buildTestApp({ routes: [...routes, ...slowRoutes] });
  app.app.server.on('connection', (socket: Socket) => opened.push(socket));
  port = await listen(app);
});
beforeEach(() => {
  begun = [];
  opened = [];
});
afterEach(() => {
  for (const socket of opened) socket.destroy();
});
afterAll(() => app?.close());

const requests = {
  GET: () => 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n',
  POST: (text = 'x') => {
    const body = JSON.stringify({ text });
    const head = `Content-Type: application/json\r\nContent-Length: ${body.length}`;
    return `POST /slow HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n${body}`;
  },
};

function open() {
  const socket = connect(port, '127.0.0.1');
  const received: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => received.push(bytes));
  socket.on('error', () => {});
  return { socket, answers: () => parseAnswers(Buffer.concat(received).toString()) };
}

/** After these responses, the server has read everything that arrived earlier on other connections. */
const others = async () => {
  for (let count = 0; count < 3; count += 1) {
    expect((await send(port, rawRequest('GET /healthz HTTP/1.1'))).status).toBe(200);
  }
};

test.each(['GET', 'POST'] as const)(
  'pipelined requests are answered in order, 16 of 100 %s requests at a time',
  async (name) => {
    const { socket, answers } = open();
    socket.write(requests[name]().repeat(100));
    for (let ended = 0; ended < 100; ended += 1) {
      const expected = Math.min(100, ended + 16);
      await expect.poll(() => begun.length, { timeout: 20_000, interval: 1 }).toBe(expected);
      if (ended % 25 === 0) await others();
      expect(begun).toHaveLength(expected);
      begun[ended]?.();
    }
    await expect.poll(() => answers().length, { timeout: 20_000 }).toBe(100);
    expect(answers().every(({ status }) => status === 200)).toBe(true);
    socket.destroy();
  },
);

test('a response that waits for earlier ones counts as missing', async () => {
  const { socket } = open();
  socket.write(requests.GET().repeat(40));
  await expect.poll(() => begun.length).toBe(16);
  for (const end of begun.slice(1)) end();
  await others();
  expect(begun).toHaveLength(16);
  begun[0]?.();
  await expect.poll(() => begun.length).toBe(32);
  socket.destroy();
});

test.each(['GET', 'POST'] as const)('a connection with 16 %s requests is not read further', async (name) => {
  const { socket } = open();
  const one = name === 'GET' ? requests.GET() : requests.POST('x'.repeat(1_000));
  socket.write(one.repeat(Math.ceil((64 * 1024 * 1024) / one.length)));
  await expect.poll(() => begun.length).toBe(16);
  await others();
  const read = opened[0]?.bytesRead ?? 0;
  expect(read).toBeLessThan(1024 * 1024);
  for (let ended = 0; ended < 20; ended += 1) {
    begun[ended]?.();
    await expect.poll(() => begun.length).toBe(ended + 17);
  }
  await others();
  expect((opened[0]?.bytesRead ?? 0) - read).toBeLessThan(1024 * 1024);
  socket.destroy();
});

test('a body that arrives late as the last of 16 is read when there is room', async () => {
  const { socket, answers } = open();
  const last = requests.POST('y'.repeat(200_000));
  socket.write(requests.GET().repeat(15) + last.slice(0, 1_000));
  await expect.poll(() => begun.length).toBe(15);
  socket.write(last.slice(1_000));
  await others();
  begun[0]?.();
  await expect.poll(() => begun.length).toBe(16);
  for (const end of begun) end();
  await expect.poll(() => answers().length).toBe(16);
  socket.destroy();
});

test('requests that waited are dropped with their connection', async () => {
  const { socket } = open();
  socket.write(requests.GET().repeat(100));
  await expect.poll(() => begun.length).toBe(16);
  const [atServer] = opened;
  const closed = new Promise((resolve) => atServer?.once('close', resolve));
  socket.resetAndDestroy();
  // The server does not read the connection, so it notices only at the next response that the connection is closed.
  begun[0]?.();
  await closed;
  for (const end of begun) end();
  await others();
  expect(begun.length).toBeLessThanOrEqual(17);
});

test('connections are counted separately', async () => {
  const connections = [open(), open()];
  for (const { socket } of connections) socket.write(requests.GET().repeat(20));
  await expect.poll(() => begun.length).toBe(32);
  for (const { socket } of connections) socket.destroy();
});
