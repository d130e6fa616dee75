import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loggerOptions } from './log.ts';
import { buildTestApp, type TestApp } from './test/setup.ts';
import { createWorld, password, type World } from './test/world.ts';

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

test('the log tells what was answered, and holds no secret and nobody’s data', async () => {
  const owner = await world.person({ email: 'olivia.owner@example.com' });
  const orgId = await world.organization(owner, { metadata: { plan: 'metadata-value' } });
  const machine = await world.machine();
  const newcomer = await world.person({ email: 'nora.newcomer@example.com', verified: false });
  const { code = 'no code' } = await world.mail(newcomer.email);
  await world.call('GET', `/v1/authentication/users/${owner.userId}?includeMetadata=true`, { token: machine.token });
  await world.call('PATCH', `/v1/authorization/organizations/${orgId}`, { token: owner.token, body: { name: 7 } });
  await world.call('GET', '/v1/authentication/users/me', { headers: { cookie: `session-token=${owner.token}` } });
  await app.db.close();
  const refused = await world.call('GET', '/v1/authentication/users/me', { token: owner.token });
  expect(refused.statusCode).toBe(503);

  const log = written.join('');
  expect(log).toContain('"route":"/v1/authorization/organizations/:orgId"');
  expect(log).toMatch(/"level":50.*database_unavailable/);
  const secrets = [owner.token, machine.token, machine.clientSecret, password, code, 'gh_s_', 'gh_v_', 'gh_m_'];
  const personal = [owner.email, newcomer.email, 'olivia', 'Jon', 'metadata-value', owner.userId, '127.0.0.1'];
  for (const word of [...secrets, ...personal]) expect(log).not.toContain(word);
});
