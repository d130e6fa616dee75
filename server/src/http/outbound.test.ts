import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isPublicAddress } from './address-range.ts';
import { createOutbound, type Outbound, OutboundError } from './outbound.ts';

let server: Server;
let outbound: Outbound;
/** A timeout for missing responses, long enough for a slow machine. */
let impatient: Outbound;
let answer: (response: ServerResponse) => void;

beforeAll(async () => {
  server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  outbound = createOutbound({ allowsPrivate: true, timeoutMs: 60_000 });
  impatient = createOutbound({ allowsPrivate: true, timeoutMs: 100 });
});
afterAll(async () => {
  await outbound?.close();
  await impatient?.close();
  server?.closeAllConnections();
  server?.close();
});

const url = (host = '127.0.0.1') => `http://${host}:${(server.address() as AddressInfo).port}/`;

describe('an answer', () => {
  it('is returned whole and decompressed', async () => {
    answer = (response) =>
      void response.writeHead(201, { 'content-encoding': 'gzip', 'x-a': 'b' }).end(gzipSync('{"a":1}'));
    const response = await outbound.fetch(url());
    expect([response.status, response.headers.get('x-a'), await response.json()]).toEqual([201, 'b', { a: 1 }]);
    expect(response.headers.has('content-encoding')).toBe(false);
  });

  it('may have no body', async () => {
    answer = (response) => void response.writeHead(204).end();
    expect((await outbound.fetch(url())).status).toBe(204);
  });

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['is too long', (response) => void response.end('x'.repeat(262_145)), /more than 262144 bytes/],
    [
      'is too long once it is unpacked',
      (response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(10_000_000))),
      /more than 262144 bytes/,
    ],
    ['breaks off', (response) => void response.destroy(), /could not be reached/],
    ['leads elsewhere', (response) => void response.writeHead(302, { location: url() }).end(), /could not be reached/],
    ['has headers without end', (response) => void response.setHeader('x', 'y'.repeat(20_000)).end(), /not be reached/],
  ])('a response that %s is an error', async (_, misbehave, message) => {
    answer = misbehave;
    const tried = outbound.fetch(url());
    await expect(tried).rejects.toThrow(OutboundError);
    await expect(tried).rejects.toThrow(message);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['does not come', () => {}],
    ['never ends', (response) => void response.writeHead(200).write('x')],
  ])('a response that %s is an error', async (_, misbehave) => {
    answer = misbehave;
    const tried = impatient.fetch(url());
    await expect(tried).rejects.toThrow(OutboundError);
    await expect(tried).rejects.toThrow(/did not respond completely/);
  });
});

describe('requests while private addresses are not allowed', () => {
  const careful = createOutbound({ allowsPrivate: false });
  /** A separate server, because a client that timed out may still be connecting to the other one. */
  const secret = createServer((_, response) => void response.end('secret'));
  let connections = 0;

  beforeAll(async () => {
    secret.on('connection', () => (connections += 1)).listen(0, '127.0.0.1');
    await once(secret, 'listening');
  });
  afterAll(async () => {
    await careful.close();
    secret.closeAllConnections();
    secret.close();
  });

  it.each(['127.0.0.1', 'localhost', '[::1]', '0.0.0.0', '2130706433', '0177.0.0.1', '[::ffff:127.0.0.1]'])(
    'no connection is made to %s',
    async (host) => {
      const { port } = secret.address() as AddressInfo;
      await expect(careful.fetch(`http://${host}:${port}/`)).rejects.toThrow('The server has no public IP address.');
      expect(connections).toBe(0);
    },
  );
});

describe('an address of the internet', () => {
  it.each(['8.8.8.8', '1.1.1.1', '172.15.0.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::1'])(
    'is %s',
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  it.each([
    '0.0.0.0',
    '10.255.255.255',
    '100.64.0.1',
    '100.127.255.255',
    '127.1.2.3',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.7',
    '203.0.113.7',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:8.8.8.8',
    '64:ff9b::a00:1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    '2001:db8::1',
    '2001::1',
    '2002:a00:1::',
    'localhost',
    '',
  ])('is not %s', (address) => expect(isPublicAddress(address)).toBe(false));
});
