import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loggerOptions } from './log.ts';
import { buildTestApp, type TestApp } from './test/setup.ts';
import { createWorld, password, type World } from './test/world/world.ts';

let app: TestApp;
let world: World;
const stream = new PassThrough();
const written: string[] = [];
stream.on('data', (line: Buffer) => written.push(line.toString()));

beforeAll(async () => {
  app = await buildTestApp({ logger: { ...loggerOptions('trace'), stream } });
  world = await createWorld(app);
});
afterAll(() => app?.close());

/** People change addresses, become super admins and are deleted. @returns the data that must not appear in the log */
async function manageAccounts(): Promise<string[]> {
  const leaver = await world.person({ email: 'dora.leaver@example.com' });
  const [newEmail, adminEmail] = ['dora.elsewhere@example.com', 'sam.super@example.com'];
  const { token } = leaver;
  const me = '/v1/authentication/users/me';
  await world.call('POST', `${me}/email`, { token, body: { newEmail, currentPassword: password } });
  const { code = 'no code' } = await world.mail(newEmail);
  await world.call('PUT', `${me}/email`, { token, body: { verificationCode: 'AAAAAAA' } });
  await world.call('PUT', `${me}/email`, { token, body: { verificationCode: code } });
  await world.call('GET', `${me}/export`, { token });
  await world.call('POST', '/v1/authorization/super-admins', { token: world.admin.token, body: { email: adminEmail } });
  const users = '/v1/authorization/users';
  await world.call('GET', `${users}?pageSize=100&includeMetadata=true`, { token: world.admin.token });
  await world.call('POST', `${users}/${leaver.userId}/deactivate`, { token: world.admin.token });
  await world.call('POST', `${users}/${leaver.userId}/reactivate`, { token: world.admin.token });
  await world.call('DELETE', me, { token: (await world.signIn(newEmail)).token, body: { currentPassword: password } });
  return [leaver.email, newEmail, 'dora', adminEmail, code, leaver.userId, token];
}

test('the log describes the responses, and contains no secret and no personal data', async () => {
  const owner = await world.person({ email: 'olivia.owner@example.com' });
  const orgId = await world.organization(owner, { metadata: { plan: 'metadata-value' } });
  const machine = await world.machine();
  const newcomer = await world.person({ email: 'nora.newcomer@example.com', verified: false });
  const { code = 'no code' } = await world.mail(newcomer.email);
  await world.call('GET', `/v1/authentication/users/${owner.userId}?includeMetadata=true`, { token: machine.token });
  await world.call('PATCH', `/v1/authorization/organizations/${orgId}`, { token: owner.token, body: { name: 7 } });
  await world.call('GET', '/v1/authentication/users/me', { headers: { cookie: `session-token=${owner.token}` } });
  const others = await manageAccounts();
  await app.db.close();
  const refused = await world.call('GET', '/v1/authentication/users/me', { token: owner.token });
  expect(refused.statusCode).toBe(503);

  const log = written.join('');
  expect(log).toContain('"route":"/v1/authorization/organizations/:orgId"');
  expect(log).toMatch(/"level":50.*database_unavailable/);
  const secrets = [owner.token, machine.token, machine.clientSecret, password, code, 'gh_s_', 'gh_v_', 'gh_m_'];
  const personal = [
    owner.email,
    newcomer.email,
    'olivia',
    'Jon',
    'metadata-value',
    owner.userId,
    '127.0.0.1',
    ...others,
  ];
  for (const word of [...secrets, ...personal]) expect(log).not.toContain(word);
});

test('the log has one stack per cause and minute, and counts the others', () => {
  let now = 0;
  const lines: string[] = [];
  const log = pino(
    loggerOptions('info', () => now),
    { write: (line) => void lines.push(line) },
  );
  const logged = () => {
    const records = lines.splice(0).map((line) => JSON.parse(line) as { err: Record<string, unknown> });
    return records.map(({ err }) => [err['message'], err['stack'] !== '', err['repeats']]);
  };
  const away = () => new Error('away', { cause: new Error('refused') });
  const child = log.child({ reqId: 'x' });

  for (let times = 0; times < 3; times += 1) child.error({ err: away() });
  log.error({ err: away() }, 'another line');
  expect(logged()).toEqual([
    ['away', true, undefined],
    ['away', false, 1],
    ['away', false, 2],
    ['away', false, 3],
  ]);
  for (const different of [new Error('away'), new TypeError('away'), new Error('away', { cause: new Error('slow') })]) {
    log.error({ err: different });
  }
  expect(logged()).toEqual(Array.from({ length: 3 }, () => ['away', true, undefined]));

  now = 59_999;
  for (let times = 0; times < 2; times += 1) log.error({ err: repeated(times) });
  now = 60_000 + 59_999;
  log.error({ err: repeated(2) });
  expect(logged()).toEqual([
    ['again', true, undefined],
    ['again', false, 1],
    ['again', true, 1],
  ]);
});

const repeated = (_times: number): Error => new Error('again', { cause: new Error('and again') });

test('a stack contains the stacks of the causes', () => {
  const lines: string[] = [];
  pino(loggerOptions('info'), { write: (line) => void lines.push(line) }).error({
    err: new Error('away', { cause: new TypeError('refused') }),
  });
  expect(JSON.parse(lines.join(''))).toMatchObject({
    err: {
      type: 'Error',
      message: 'away',
      cause: { type: 'TypeError', message: 'refused' },
      stack: expect.stringMatching(/^Error: away\n {4}at [^]*\nCaused by: TypeError: refused\n {4}at /),
    },
  });
});
