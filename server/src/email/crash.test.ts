import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sql } from '../db/db.ts';
import { briefly } from '../test/child-process.ts';
import { closedPort, type MailServer, refusal, startMailServer } from '../test/mail-server.ts';
import { makePlace, type ServicePlace } from '../test/service-place.ts';
import { type ServiceProcess, startService } from '../test/service-process.ts';

// Each test starts the whole service twice.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

let place: ServicePlace;
let env: Record<string, string>;
let running: ServiceProcess | undefined;
let mailServer: MailServer | undefined;

beforeEach(async () => {
  place = await makePlace();
  env = { MASTER_KEY: randomBytes(32).toString('base64'), ...place.env, MAIL_FROM: 'mail@gatehouse.example' };
});
afterEach(async () => {
  await running?.stop('SIGKILL');
  await mailServer?.close();
  await place.remove();
});

async function start(port: number): Promise<ServiceProcess> {
  running = await startService({ ...env, SMTP_URL: `smtp://127.0.0.1:${port}` });
  return running;
}

/** A time after which every lease has expired. */
const passTime = () =>
  place.onDatabase((db) => db.query(sql`UPDATE mails SET due_at = created_at WHERE state = 'QUEUED'`));
const states = () =>
  place.onDatabase((db) => db.query<{ state: string; purpose: string }>(sql`SELECT state, purpose FROM mails`));

async function signUp(service: ServiceProcess): Promise<void> {
  const body = { firstName: 'Jon', lastName: 'Doe', email: 'jon.doe@example.com', password: 'Password@123JonDoeInc' };
  expect((await service.call('POST', '/v1/authentication/users', { body })).status).toBe(201);
}

async function operate(...args: string[]): Promise<string> {
  const script = fileURLToPath(new URL('../../dist/operate.js', import.meta.url));
  const { PATH = '', HOME = '' } = process.env;
  const options = { env: { PATH, HOME, ...env } };
  return (await promisify(execFile)(process.execPath, [...briefly, script, ...args], options)).stdout;
}

test('a mail whose process is killed between commit and send is sent by the next one, once', async () => {
  const first = await start(await closedPort());
  await signUp(first);
  await first.stop('SIGKILL');
  expect(await states()).toEqual([{ state: 'QUEUED', purpose: 'email_verification' }]);
  await passTime();

  let arrived: () => void = () => {};
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  mailServer = await startMailServer({ onMail: () => arrived() });
  const second = await start(mailServer.port);
  await arrival;
  expect(await second.stop()).toMatchObject({ code: 0 });
  expect(mailServer.mails.map(({ envelope }) => envelope.to)).toEqual([['jon.doe@example.com']]);
  expect(await states()).toEqual([{ state: 'SENT', purpose: 'email_verification' }]);
});

test('a mail whose process is killed between send and mark arrives again under the same Message-ID', async () => {
  mailServer = await startMailServer({ onMail: async () => void (await running?.stop('SIGKILL')) });
  const first = await start(mailServer.port);
  await signUp(first);
  expect(await first.ended()).toMatchObject({ signal: 'SIGKILL' });
  expect(await states()).toEqual([{ state: 'QUEUED', purpose: 'email_verification' }]);
  await passTime();
  const [lost] = mailServer.mails;

  let arrived: () => void = () => {};
  const arrival = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  await mailServer.close();
  mailServer = await startMailServer({ onMail: () => arrived() });
  const second = await start(mailServer.port);
  await arrival;
  await second.stop();
  expect(mailServer.mails.map(({ messageId }) => messageId)).toEqual([lost?.messageId]);
  expect(mailServer.mails[0]?.text).toBe(lost?.text);
  expect(await states()).toEqual([{ state: 'SENT', purpose: 'email_verification' }]);
});

test('an operator lists failed mails and retries them; the log contains neither address nor code', async () => {
  let refused: () => void = () => {};
  const refusing = new Promise<void>((resolve) => {
    refused = resolve;
  });
  mailServer = await startMailServer({
    onRcptTo: (_, __, callback) => {
      callback(refusal(550, 'no mailbox jon.doe@example.com here'));
      refused();
    },
  });
  const first = await start(mailServer.port);
  await signUp(first);
  await refusing;
  const { stdout, stderr } = await first.stop();
  expect(stdout).toContain('mails were not sent: recipient_refused 550 (1)');
  expect(stdout + stderr).not.toMatch(/jon\.doe|no mailbox/);

  const listed = await operate('list-mails');
  expect(listed).toMatch(
    /^\d+ {2}\S+Z {2}demo {2}email_verification {2}jon\.doe@example\.com {2}recipient_refused 550\n$/,
  );
  await expect(operate('retry-mail', '17')).rejects.toThrow('no mail 17 was given up');
  expect(await operate('retry-mail', listed.split(' ')[0] ?? '')).toBe('queued again: 1\n');
  expect(await operate('list-mails')).toBe('');
  expect(await states()).toEqual([{ state: 'QUEUED', purpose: 'email_verification' }]);
});

test('a start in production without a mail server logs that mails are kept', async () => {
  const production = {
    ...env,
    NODE_ENV: 'production',
    PUBLIC_URL: 'https://id.example.com',
    ALLOW_EMBEDDED: 'true',
    BOOTSTRAP_APP: 'demo',
    BOOTSTRAP_ADMIN_EMAIL: 'admin@example.com',
    BOOTSTRAP_ADMIN_PASSWORD: 'Password@123JonDoeInc',
  };
  running = await startService(production);
  expect((await running.stop()).stdout).toContain('SMTP_URL is not set, so no mails are sent');
});
