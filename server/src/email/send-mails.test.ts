import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { closedPort, type MailServer, refusal, startMailServer, startRawServer } from '../test/mail-server.ts';
import { openOutbox, type Outbox } from '../test/outbox.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { listGivenUpMails, retryGivenUpMails } from './delivery.store.ts';
import { queueMail } from './queue-mail.ts';
import { sendMails, sendMailsWithin } from './send-mails.ts';

const hourMs = 3_600_000;

let app: TestApp;
let world: World;
let outbox: Outbox;
let server: MailServer | undefined;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  outbox = openOutbox(app, world);
});
afterAll(() => app?.close());
beforeEach(() => app.db.query(sql`DELETE FROM mails`));
afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** A short timeout for a server that does not respond. */
const impatient = sendMailsWithin({ connectMs: 150, silenceMs: 300, mailMs: 600, stopMs: 100 });

describe('a mail', () => {
  test('is sent as text and HTML, from the sender of the deployment, and its content is deleted', async () => {
    server = await startMailServer();
    await outbox.queue({ email: 'nora@example.com' });
    await outbox.run(server);
    const [mail] = server.mails;
    expect(mail).toMatchObject({
      envelope: { from: 'mail@gatehouse.example', to: [world.admin.email] },
      from: { text: '"Gatehouse" <mail@gatehouse.example>' },
      subject: `There is a new super admin of ${world.appName}`,
      text: expect.stringContaining('nora@example.com is now a super admin'),
      html: expect.stringContaining('<bdi>nora@example.com</bdi> is now a super admin'),
    });
    expect(mail?.headers.get('auto-submitted')).toBe('auto-generated');
    expect(mail?.messageId).toMatch(/^<\d+\.\d+@127\.0\.0\.1>$/);
    expect(await outbox.rows()).toMatchObject([{ state: 'SENT', attempts: 1, last_error: null, sealed_content: null }]);
  });

  test('is sent once, also with many requests and processes', async () => {
    server = await startMailServer();
    for (let count = 0; count < 30; count += 1) await outbox.queue({}, `person-${count}@example.com`);
    await Promise.all([outbox.run(server), outbox.run(server), outbox.run(server)]);
    await outbox.run(server);
    const recipients = server.mails.map(({ envelope }) => envelope.to[0]);
    expect(recipients).toHaveLength(30);
    expect(new Set(recipients).size).toBe(30);
  });

  test('has the sender, reply address and brand of its app', async () => {
    const mail = {
      fromName: 'Acme, Inc.',
      fromAddress: 'hello@acme.example',
      replyTo: 'help@acme.example',
      brandName: 'Acme Cloud',
    };
    const { appId, admin } = await createWorld(app, { settings: { mail } });
    const { userId, email } = admin;
    server = await startMailServer();
    await app.db.transaction((tx) =>
      queueMail(tx, app.services, appId, { userId, recipient: email, purpose: 'password_changed', content: {} }),
    );
    await outbox.run(server);
    expect(server.mails).toMatchObject([
      {
        envelope: { from: 'mail@gatehouse.example' },
        from: { text: '"Acme, Inc." <hello@acme.example>' },
        replyTo: { text: 'help@acme.example' },
        subject: 'Your password for Acme Cloud was changed',
      },
    ]);
  });

  test('cannot get headers or recipients from texts of people', async () => {
    server = await startMailServer();
    const hostile = 'x\r\nBcc: victim@example.com\r\n\r\n<b>body</b>';
    await app.db.query(sql`UPDATE apps SET display_name = ${hostile} WHERE id = ${world.appId}`);
    try {
      await outbox.queue({ email: hostile });
      await outbox.run(server);
    } finally {
      await app.db.query(sql`UPDATE apps SET display_name = ${world.appName} WHERE id = ${world.appId}`);
    }
    const [mail] = server.mails;
    expect(mail?.envelope.to).toEqual([world.admin.email]);
    expect(mail?.headers.has('bcc')).toBe(false);
    const subject = mail?.subject?.replaceAll('\u2060', '');
    expect(subject).toBe('There is a new super admin of x Bcc: victim@example.com <b>body</b>');
    expect(mail?.html).not.toContain('<b>body');
  });

  test('is kept while there is no mail server', async () => {
    await outbox.queue();
    await sendMails.run(app.services, new AbortController().signal);
    expect(await outbox.rows()).toMatchObject([{ state: 'QUEUED', attempts: 0 }]);
  });
});

/** A server that greets, and disconnects when the mail arrives. */
const leavesAtData = () => startMailServer({ onData: (stream) => void stream.destroy() });

interface Fault {
  readonly what: string;
  readonly open: () => Promise<MailServer>;
  readonly error: string;
  readonly query?: string;
  readonly scheme?: string;
}

describe('a mail is tried again later', () => {
  test.each<Fault>([
    { what: 'a server that says nothing', open: () => startRawServer(() => {}), error: 'timeout' },
    {
      what: 'a server that closes at once',
      open: () => startRawServer((socket) => socket.end()),
      error: 'server_unreachable',
    },
    {
      what: 'a server that greets and is silent',
      open: () => startRawServer((socket) => socket.write('220 hello\r\n')),
      error: 'timeout',
    },
    {
      what: 'a server that gives signs of life and never ends',
      open: () =>
        startRawServer((socket) => {
          const timer = setInterval(() => socket.write('220-wait\r\n'), 50);
          socket.on('close', () => clearInterval(timer));
        }),
      error: 'timeout',
    },
    {
      what: 'a server that is too busy to greet',
      open: () => startRawServer((socket) => socket.end('421 too many connections\r\n')),
      error: 'server_refused 421',
    },
    {
      what: 'a server that wants nothing from us',
      open: () => startRawServer((socket) => socket.end('554 go away\r\n')),
      error: 'server_refused 554',
    },
    {
      what: 'a recipient who is greylisted',
      open: () => startMailServer({ onRcptTo: (_, __, callback) => callback(refusal(451, 'later, jon@example.com')) }),
      error: 'recipient_refused 451',
    },
    {
      what: 'a server whose disk is full',
      open: () => startMailServer({ onMail: () => Promise.reject(refusal(452, 'full')) }),
      error: 'message_refused 452',
    },
    {
      what: 'a sender who is not welcome',
      open: () => startMailServer({ onMailFrom: (_, __, callback) => callback(refusal(550, 'not you')) }),
      error: 'sender_refused 550',
    },
    {
      what: 'a server that wants to know who we are',
      open: () => startMailServer({ authOptional: false, disabledCommands: ['STARTTLS'] }),
      error: 'sender_refused 530',
    },
    {
      what: 'encryption that is wanted and not offered',
      open: () => startMailServer(),
      error: 'not_encrypted 500',
      query: '?requireTLS=true',
    },
    {
      what: 'a certificate that nobody vouches for, after STARTTLS',
      open: () => startMailServer({ disabledCommands: ['AUTH'] }),
      error: 'not_encrypted',
    },
    {
      what: 'a certificate that nobody vouches for, from the first byte on',
      open: () => startMailServer({ secure: true }),
      error: 'not_encrypted',
      scheme: 'smtps',
    },
  ])('with $what', async ({ open, error, query = '', scheme = 'smtp' }) => {
    server = await open();
    await outbox.queue();
    const url = `${scheme}://127.0.0.1:${server.port}${query}`;
    // On a busy machine, a responding server can be slow.
    const options = error.startsWith('timeout') ? { task: impatient } : {};
    await expect(outbox.run(url, options)).rejects.toThrow(`mails were not sent: ${error} (1)`);
    expect(await outbox.outcome()).toEqual([`QUEUED ${error}`]);
    expect(server.mails).toEqual([]);
    await server.close();
    server = await startMailServer();
    await outbox.run(server);
    expect(server.mails).toEqual([]);
    app.clock.advance(12_000);
    await outbox.run(server);
    expect(server.mails).toHaveLength(1);
    expect(await outbox.outcome()).toEqual(['SENT -']);
  });

  test('a mail is sent again later if no server is listening', async () => {
    await outbox.queue();
    await expect(outbox.run(`smtp://127.0.0.1:${await closedPort()}`)).rejects.toThrow('server_unreachable (1)');
    expect(await outbox.outcome()).toEqual(['QUEUED server_unreachable']);
  });

  test('a mail is sent again later if the server disconnects midway', async () => {
    server = await leavesAtData();
    await outbox.queue();
    await expect(outbox.run(server, { task: impatient })).rejects.toThrow(
      /mails were not sent: (timeout|server_unreachable) \(1\)/,
    );
    expect(await outbox.rows()).toMatchObject([{ state: 'QUEUED', attempts: 1 }]);
  });

  test('a mail is kept while the server refuses the credentials, and sent with the right ones', async () => {
    const signIn = (name: string) =>
      startMailServer({
        authOptional: false,
        disabledCommands: ['STARTTLS'],
        allowInsecureAuth: true,
        onAuth: ({ username, password }, _, callback) =>
          username === name && password === 'p@ss/w:rd'
            ? callback(null, { user: name })
            : callback(refusal(535, 'no such user')),
      });
    server = await signIn('gate@house');
    const urlWith = (user: string) => `smtp://${user}:p%40ss%2Fw%3Ard@127.0.0.1:${server?.port}`;
    await outbox.queue();
    await expect(outbox.run(urlWith('somebody'))).rejects.toThrow('sign_in_refused 535 (1)');
    app.clock.advance(12_000);
    await outbox.run(urlWith('gate%40house'));
    expect(server.mails).toHaveLength(1);
  });

  test('a mail is sent again after growing pauses for a day, and then abandoned', async () => {
    const url = `smtp://127.0.0.1:${await closedPort()}`;
    await outbox.queue();
    const start = app.clock.now().getTime();
    const tries: number[] = [];
    for (let state = 'QUEUED'; state === 'QUEUED';) {
      await outbox.run(url).catch(() => tries.push(app.clock.now().getTime() - start));
      const [row] = await outbox.rows();
      if (row?.state === 'QUEUED') app.clock.advance(row.due_at.getTime() - app.clock.now().getTime());
      state = row?.state ?? '';
    }
    const pauses = tries.slice(1).map((time, index) => (time - (tries[index] ?? 0)) / 1000);
    expect(pauses[0]).toBeLessThanOrEqual(11);
    expect(pauses[1]).toBeGreaterThanOrEqual(27);
    expect(pauses[2]).toBeGreaterThanOrEqual(81);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(66 * 60);
    expect(tries.at(-1)).toBe(24 * hourMs);
    expect(tries.length).toBeGreaterThan(25);
    expect(tries.length).toBeLessThan(40);
    expect(await outbox.outcome()).toEqual(['GIVEN_UP server_unreachable']);
  });
});

describe('a mail is abandoned at once', () => {
  test.each<[what: string, open: () => Promise<MailServer>, error: string]>([
    [
      'for a recipient who does not exist',
      () => startMailServer({ onRcptTo: (_, __, callback) => callback(refusal(550, 'who is jon@example.com')) }),
      'recipient_refused 550',
    ],
    [
      'when what it says is refused',
      () => startMailServer({ onMail: () => Promise.reject(refusal(554, 'spam')) }),
      'message_refused 554',
    ],
  ])('%s, which an operator can see and retry', async (_, open, error) => {
    server = await open();
    await outbox.queue();
    await expect(outbox.run(server)).rejects.toThrow(error);
    expect(await outbox.outcome()).toEqual([`GIVEN_UP ${error}`]);
    const [given] = await listGivenUpMails(app.db, 10);
    expect(given).toMatchObject({
      appName: world.appName,
      recipient: world.admin.email,
      attempts: 1,
      lastError: error,
    });
    await server.close();
    server = await startMailServer();
    await outbox.run(server);
    expect(server.mails).toEqual([]);
    const now = app.clock.now();
    const giveUpAt = new Date(now.getTime() + hourMs);
    expect(await retryGivenUpMails(app.db, { id: '1', now, giveUpAt })).toBe(0);
    expect(await retryGivenUpMails(app.db, { id: given?.id, now, giveUpAt })).toBe(1);
    await outbox.run(server);
    expect(server.mails).toHaveLength(1);
    expect(await listGivenUpMails(app.db, 10)).toEqual([]);
  });

  test('a mail whose content cannot be read is abandoned at once', async () => {
    server = await startMailServer();
    await outbox.queue();
    await app.db.query(sql`UPDATE mails SET sealed_content = 'x'`);
    await expect(outbox.run(server)).rejects.toThrow('unreadable (1)');
    expect(await outbox.outcome()).toEqual(['GIVEN_UP unreadable']);
  });

  test('an abandoned mail does not delay the others', async () => {
    server = await startMailServer({
      onRcptTo: ({ address }, _, callback) => callback(address.startsWith('gone') ? refusal(550, 'gone') : null),
    });
    for (const name of ['a', 'gone-1', 'b', 'c', 'gone-2', 'd', 'e', 'f'])
      await outbox.queue({}, `${name}@example.com`);
    await expect(outbox.run(server)).rejects.toThrow('recipient_refused 550 (2)');
    expect(server.mails).toHaveLength(6);
  });
});

describe('a mail whose reason no longer exists', () => {
  const signUp = async () => (await world.person({ verified: false })).email;

  test('is not sent when its code was used or replaced', async () => {
    server = await startMailServer();
    const email = await signUp();
    const { code } = await world.mail(email);
    const { userId, token } = await world.signIn(email);
    await world.call('POST', '/v1/authentication/users/email/verification-request', { token, body: { userId } });
    const newest = await world.mail(email);
    await outbox.run(server);
    expect(await outbox.outcome()).toEqual(['VOID -', 'SENT -']);
    expect(server.mails.map(({ text }) => text?.includes(newest.code ?? 'none'))).toEqual([true]);
    expect(code).not.toBe(newest.code);
    expect((await outbox.rows()).map((row) => row.sealed_content)).toEqual([null, null]);
  });

  test('is not sent when its code has run out', async () => {
    server = await startMailServer();
    await signUp();
    app.clock.advance(25 * hourMs);
    await outbox.run(server);
    expect(await outbox.outcome()).toEqual(['VOID -']);
    expect(server.mails).toEqual([]);
  });

  test('is deleted with its user', async () => {
    await signUp();
    await app.db.query(sql`DELETE FROM users WHERE email LIKE 'person-%'`);
    expect(await outbox.rows()).toEqual([]);
  });

  test('is kept while its app is inactive', async () => {
    server = await startMailServer();
    await outbox.queue();
    await app.db.query(sql`UPDATE apps SET status = 'INACTIVE' WHERE id = ${world.appId}`);
    try {
      await expect(outbox.run(server)).rejects.toThrow('app_inactive (1)');
      expect(await outbox.outcome()).toEqual(['QUEUED app_inactive']);
    } finally {
      await app.db.query(sql`UPDATE apps SET status = 'ACTIVE' WHERE id = ${world.appId}`);
    }
    app.clock.advance(12_000);
    await outbox.run(server);
    expect(server.mails).toHaveLength(1);
  });
});
