import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loggerOptions } from '../log.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';

const allowed = 'http://localhost:4000';
const typed = 'http://127.0.0.1:4000';

let app: TestApp;
let world: World;
let lines: Record<string, unknown>[];

beforeAll(async () => {
  const stream = new PassThrough();
  stream.on('data', (text: Buffer) => {
    for (const line of text.toString().trim().split('\n')) lines.push(JSON.parse(line) as Record<string, unknown>);
  });
  lines = [];
  app = await buildTestApp({ logger: { ...loggerOptions('info'), stream } });
  world = await createWorld(app, { settings: { allowedOrigins: [allowed] } });
});
afterAll(() => app?.close());

/** The log lines about origins during a call. */
async function refusalsOf(call: () => PromiseLike<unknown>): Promise<Record<string, unknown>[]> {
  lines = [];
  await call();
  return lines.filter(({ check }) => check !== undefined);
}

const signIn = (headers: Record<string, string>, name: string | null = world.appName) =>
  world.call('POST', '/v1/authentication/users/sessions', {
    app: name,
    headers,
    body: { email: 'jon@example.com', password: 'x' },
  });
const change = (headers: Record<string, string>) =>
  world.call('POST', '/v1/authorization/machine-users', {
    headers: { cookie: `session-token=${world.admin.token}`, ...headers },
    body: { userName: 'robot' },
  });
const preflight = (origin: string) =>
  app.app.inject({
    method: 'OPTIONS',
    url: '/v1/authentication/users/me',
    headers: { origin, 'access-control-request-method': 'GET' },
  });
const line = (check: string, origin: string | null, named: string | null = world.appName) =>
  expect.objectContaining({
    check,
    origin,
    app: named,
    code: 'origin_not_allowed',
    reqId: expect.any(String) as string,
  });

describe('the log names origin, app and code', () => {
  test('the log names the refused origin of a call that sets a cookie', async () => {
    const refusals = await refusalsOf(async () =>
      expect(problem(await signIn({ origin: typed }))).toBe('403 origin_not_allowed'),
    );
    expect(refusals).toEqual([line('cors', typed), line('csrf', typed)]);
  });

  test('the log names the refused origin of a change with a cookie', async () => {
    const refusals = await refusalsOf(async () =>
      expect(problem(await change({ origin: typed }))).toBe('403 origin_not_allowed'),
    );
    expect(refusals).toEqual([line('cors', typed), line('csrf', typed)]);
  });

  test("the log records a browser's call without an origin", async () => {
    expect(await refusalsOf(() => change({ 'sec-fetch-site': 'cross-site' }))).toEqual([line('csrf', null)]);
  });

  test('the log names the origin of a page that cannot read the response', async () => {
    const url = '/v1/authentication/users/me';
    const read = () => world.call('GET', url, { token: world.admin.token, headers: { origin: typed } });
    expect(await refusalsOf(read)).toEqual([line('cors', typed)]);
  });

  test('the log names the refused origin of a preflight, which has no app', async () => {
    expect(await refusalsOf(() => preflight(typed))).toEqual([line('cors', typed, null)]);
  });
});

describe('the log', () => {
  test.each<[what: string, headers: () => Record<string, string>]>([
    ['of an allowed page', () => ({ origin: allowed })],
    ['of the service itself', () => ({ origin: app.services.config.publicUrl })],
    ['of no page', () => ({})],
  ])('says nothing of calls %s', async (_, headers) => {
    expect(await refusalsOf(() => signIn(headers()))).toEqual([]);
  });

  test('truncates a long origin, and omits an invalid app name', async () => {
    const origin = `https://${'a'.repeat(1000)}.example`;
    const refusals = await refusalsOf(() => signIn({ origin }, 'jon@example.com'));
    expect(refusals).toEqual([line('cors', origin.slice(0, 300), null)]);
  });
});
