import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, platformKey, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let orgId: string;
let owner: Person;
let member: Person;
let stranger: Person;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner);
  member = await world.member(orgId);
  stranger = await world.person();
});
afterAll(() => app?.close());

interface Attempt {
  method: 'POST' | 'PATCH' | 'PUT';
  url: string;
  headers: Record<string, string>;
  payload: string;
}

const foreign = { origin: 'https://evil.example' };
const json = { 'content-type': 'application/json' };
const tooLarge = `{"metadata":{"key":"${'x'.repeat(256 * 1024)}"}}`;
const cookieOf = ({ token }: Person) => ({ cookie: `session-token=${token}` });
const named = (): Record<string, string> => ({ 'x-app-name': world.appName });
const urlOf = (id: string) => `/v1/authorization/organizations/${id}`;

/** The first row has every fault that a request can have. Each further row has one fault less. */
const cascade: [fault: string, expected: [number, string], attempt: () => Partial<Attempt>][] = [
  ['an address without a route', [404, 'route_not_found'], () => ({ url: '/v1/authorization/nowhere/abc/x' })],
  ['a method it does not answer to', [405, 'method_not_allowed'], () => ({ method: 'PUT' })],
  ['no app', [400, 'app_name_required'], () => ({})],
  ['an unknown app', [404, 'app_not_found'], () => ({ headers: { ...foreign, 'x-app-name': 'nobody' } })],
  ['no credential', [401, 'unauthenticated'], () => ({ headers: { ...foreign, ...named() } })],
  [
    'a foreign origin',
    [403, 'origin_not_allowed'],
    () => ({ headers: { ...foreign, ...named(), ...cookieOf(stranger) } }),
  ],
  [
    'a foreign media type',
    [415, 'unsupported_media_type'],
    () => ({ headers: { ...named(), ...cookieOf(stranger), 'content-type': 'text/plain' } }),
  ],
  [
    'too large a body',
    [413, 'body_too_large'],
    () => ({ headers: { ...named(), ...cookieOf(stranger), ...json }, payload: tooLarge }),
  ],
  [
    'a malformed body',
    [400, 'malformed_request'],
    () => ({ headers: { ...named(), ...cookieOf(stranger), ...json }, payload: '{' }),
  ],
  [
    'faults of path and body',
    [400, 'validation_failed'],
    () => ({ headers: { ...named(), ...cookieOf(stranger), ...json }, payload: '{"name":1}' }),
  ],
  [
    'an organization that one cannot see',
    [404, 'organization_not_found'],
    () => ({
      url: urlOf(orgId),
      headers: { ...named(), ...cookieOf(stranger), ...json, 'if-match': '"7"' },
      payload: '{"name":"Other"}',
    }),
  ],
  [
    'an organization that one may not change',
    [403, 'access_denied'],
    () => ({
      url: urlOf(orgId),
      headers: { ...named(), ...cookieOf(member), ...json, 'if-match': '"7"' },
      payload: '{"name":"Other"}',
    }),
  ],
  [
    'an outdated version',
    [412, 'precondition_failed'],
    () => ({
      url: urlOf(orgId),
      headers: { ...named(), ...cookieOf(owner), ...json, 'if-match': '"7"' },
      payload: '{"name":"Other"}',
    }),
  ],
];

describe('the first error in the order of checks decides', () => {
  test.each(cascade)('%s', async (_fault, [status, code], toAttempt) => {
    const attempt: Attempt = {
      method: 'PATCH',
      url: urlOf('abc'),
      headers: { ...foreign, 'content-type': 'application/json' },
      payload: '{"malformed":',
      ...toAttempt(),
    };
    const response = await app.app.inject(attempt);
    expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([status, code]);
  });

  test('a request without any error succeeds', async () => {
    const response = await world.call('PATCH', urlOf(orgId), { token: owner.token, body: { name: 'Other' } });
    expect(response.statusCode).toBe(200);
  });
});

const unreadable: [string, Pick<Attempt, 'headers' | 'payload'>][] = [
  ['malformed', { headers: json, payload: '{' }],
  ['too large', { headers: json, payload: tooLarge }],
  ['of another type', { headers: { 'content-type': 'text/plain' }, payload: 'x' }],
  ['without a type', { headers: {}, payload: 'x' }],
];

describe('a body is not read', () => {
  test.each(unreadable)('%s, at a path without a route', async (_what, attempt) => {
    const response = await app.app.inject({ method: 'POST', url: '/v1/nowhere', ...attempt });
    expect(response.json()).toMatchObject({ status: 404, code: 'route_not_found' });
  });

  test.each(unreadable)('%s, with a method that the path does not support', async (_what, attempt) => {
    const response = await app.app.inject({ method: 'PUT', url: '/v1/authentication/users', ...attempt });
    expect(response.json()).toMatchObject({ status: 405, code: 'method_not_allowed' });
  });

  test.each(unreadable)('%s, without an app', async (_what, attempt) => {
    const response = await app.app.inject({ method: 'POST', url: '/v1/authentication/users', ...attempt });
    expect(response.json()).toMatchObject({ status: 400, code: 'app_name_required' });
  });

  test.each(unreadable)('%s, with a wrong platform key', async (_what, { headers, payload }) => {
    const authorization = `Bearer ${platformKey}x`;
    const url = '/v1/platform/apps';
    const response = await app.app.inject({ method: 'POST', url, headers: { ...headers, authorization }, payload });
    expect(response.json()).toMatchObject({ status: 401, code: 'unauthenticated' });
  });
});
