import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { closedPort, type MailServer, refusal, startMailServer, startRawServer } from '../test/mail-server.ts';
import { openOutbox, type Outbox } from '../test/outbox.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld } from '../test/world/world.ts';
import { probeMailServerWithin } from './probe-mail-server.ts';

let app: TestApp;
let outbox: Outbox;
let logged: unknown[][] = [];
let server: MailServer | undefined;

beforeEach(async () => {
  app = await buildTestApp({ log: (...line) => void logged.push(line) });
  outbox = openOutbox(app, await createWorld(app));
});
afterEach(async () => {
  logged = [];
  await app.close();
  await server?.close();
  server = undefined;
});

const probe = probeMailServerWithin({ connectMs: 300, silenceMs: 300, mailMs: 300 });
const isUp = async () => /^gatehouse_mail_server_up (.*)$/m.exec(await app.app.metrics.text())?.[1];
const urlOf = (port: number, user = '', query = '') => `smtp://${user}127.0.0.1:${port}${query}`;

test('the probe does nothing if no mail server is configured', async () => {
  await probe.run(app.services, new AbortController().signal);
  expect([logged, await isUp()]).toEqual([[], undefined]);
});

describe('a mail server that cannot be used is a warning and a metric', () => {
  const signIn = { authOptional: false, disabledCommands: ['STARTTLS'] };
  test.each<[string, () => Promise<MailServer>, string, ((port: number) => string)?]>([
    [
      'nobody listens',
      async () => ({ ...(await startRawServer(() => {})), port: await closedPort() }),
      'server_unreachable',
    ],
    ['it says nothing', () => startRawServer(() => {}), 'timeout'],
    ['it does not greet', () => startRawServer((socket) => socket.end('554 go away\r\n')), 'server_refused 554'],
    [
      'it offers no encryption',
      () => startMailServer(),
      'not_encrypted 500',
      (port) => urlOf(port, '', '?requireTLS=true'),
    ],
    ['nobody vouches for its certificate', () => startMailServer({ disabledCommands: ['AUTH'] }), 'not_encrypted'],
    [
      'it does not know the user',
      () =>
        startMailServer({ ...signIn, onAuth: (_auth, _session, callback) => callback(refusal(535, 'no such user')) }),
      'sign_in_refused 535',
      (port) => urlOf(port, 'user:password@'),
    ],
  ])('%s', async (_, open, reason, url = urlOf) => {
    server = await open();
    await outbox.run(url(server.port), { task: probe });
    const warning = ['warn', 'the mail server of SMTP_URL cannot be used: mails wait', { reason }];
    expect(logged).toEqual([warning]);
    expect(await isUp()).toBe('0');
    await outbox.run(url(server.port), { task: probe });
    expect(logged).toEqual([warning]);
  });
});

test('a process that must stop does not wait for a mail server that does not respond', async () => {
  const stopping = new AbortController();
  server = await startRawServer(() => stopping.abort());
  const patient = probeMailServerWithin({ connectMs: 3_600_000, silenceMs: 3_600_000, mailMs: 3_600_000 });
  await outbox.run(server, { task: patient, signal: stopping.signal });
  expect([logged, await isUp()]).toEqual([[], undefined]);
});

test('a mail server that can be used gets no mail, and is not probed again', async () => {
  let connections = 0;
  const onConnect = (_session: unknown, callback: () => void) => {
    connections += 1;
    callback();
  };
  server = await startMailServer({ onConnect });
  await outbox.run(server, { task: probe });
  await outbox.run(server, { task: probe });
  expect([server.mails, connections, await isUp()]).toEqual([[], 1, '1']);
  expect(logged).toEqual([['info', 'the mail server of SMTP_URL can be used', {}]]);
});

test('the mails that are sent show whether the mail server can still be used', async () => {
  await outbox.queue();
  await expect(outbox.run(urlOf(await closedPort()))).rejects.toThrow('server_unreachable');
  expect(await isUp()).toBe('0');
  server = await startMailServer();
  app.clock.advance(60_000);
  await outbox.run(server);
  expect([server.mails.length, await isUp()]).toEqual([1, '1']);
});
