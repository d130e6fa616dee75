import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { personWithMailedLink } from '../test/access.callers.ts';
import { anotherService, listAudiences, publicUrl, signAccessToken } from '../test/access-tokens.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Machine, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let machine: Machine;
let person: Person;
/** Another app of the same deployment. */
let elsewhere: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  elsewhere = await createWorld(app);
  await listAudiences(world, [publicUrl, anotherService, 'documents', 'pictures']);
  machine = await world.machine();
  person = await world.person();
});
afterAll(() => app?.close());

type Form = Readonly<Record<string, string>> | string;

interface Options {
  readonly authorization?: string;
  readonly type?: string;
  readonly appName?: string;
}

const formType = 'application/x-www-form-urlencoded';
const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
const basicOf = ({ machineUserId, clientSecret }: Machine) => basic(machineUserId, clientSecret);
const inForm = ({ machineUserId, clientSecret }: Machine) => ({
  client_id: machineUserId,
  client_secret: clientSecret,
});

function post(form: Form, { authorization, type = formType, appName = world.appName }: Options = {}) {
  return app.app.inject({
    method: 'POST',
    url: `/apps/${appName}/oauth/introspect`,
    headers: { 'content-type': type, ...(authorization !== undefined && { authorization }) },
    payload: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
  });
}

const ask = (token: string, by: Machine = machine) => post({ token }, { authorization: basicOf(by) });

const machineToken = async ({ machineUserId: clientId, clientSecret }: Machine, audience?: string | string[]) => {
  const body = { clientId, clientSecret, audience };
  const response = await world.call('POST', '/v1/authentication/machine-users/access-token', { body });
  return response.json<{ token: string }>().token;
};

async function machineWith(patch: object): Promise<Machine> {
  const made = await world.machine();
  const url = `/v1/authorization/machine-users/${made.machineUserId}`;
  const answer = await world.call('PATCH', url, { token: world.admin.token, body: patch });
  if (answer.statusCode !== 200) throw new Error(answer.body);
  return made;
}

type Answer = Awaited<ReturnType<typeof post>>;

/** Status, OAuth's error code, and that nothing but an error of OAuth is said. */
function refusal(answer: Answer): string {
  const { error, ...others } = answer.json<Record<string, string>>();
  expect(Object.keys(others)).toEqual(['error_description', 'error_uri']);
  expect(others['error_description']).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
  expect(others['error_uri']).toMatch(/^http:\/\/127\.0\.0\.1:3000\/errors\/[a-z_]+$/);
  expect(answer.headers['content-type']).toMatch(/^application\/json/);
  expect(answer.headers['cache-control']).toBe('no-store');
  return `${answer.statusCode} ${error}`;
}

describe('a client is refused', () => {
  const wrong = `gh_m_${'x'.repeat(43)}`;
  test.each<[what: string, form: () => Form, options: () => Options]>([
    ['without credentials', () => ({ token: person.token }), () => ({})],
    [
      'with a wrong secret',
      () => ({ token: person.token }),
      () => ({ authorization: basic(machine.machineUserId, wrong) }),
    ],
    ['with a wrong secret in the form', () => ({ token: 'x', ...inForm(machine), client_secret: wrong }), () => ({})],
    ['with an id in the form only', () => ({ token: 'x', client_id: machine.machineUserId }), () => ({})],
    ['with a secret in the form only', () => ({ token: 'x', client_secret: machine.clientSecret }), () => ({})],
    [
      'with a client id that is no id',
      () => ({ token: 'x' }),
      () => ({ authorization: basic('nobody', machine.clientSecret) }),
    ],
    [
      'of another app',
      () => ({ token: person.token }),
      () => ({ authorization: basicOf(machine), appName: elsewhere.appName }),
    ],
    ['with Basic that has no colon', () => ({ token: 'x' }), () => ({ authorization: `Basic ${btoa('nothing')}` })],
    ['with Basic that is not encoded', () => ({ token: 'x' }), () => ({ authorization: 'Basic %%%' })],
    [
      'with Basic of a wrong percent',
      () => ({ token: 'x' }),
      () => ({ authorization: basic('%zz', machine.clientSecret) }),
    ],
    ['with its machine token', () => ({ token: 'x' }), () => ({ authorization: `Bearer ${machine.token}` })],
  ])('%s', async (_, form, options) => {
    const answer = await post(form(), options());
    expect(refusal(answer)).toBe('401 invalid_client');
    expect(answer.headers['www-authenticate']).toBe('Basic realm="http://127.0.0.1:3000", charset="UTF-8"');
  });

  test('a client with a deleted secret is refused', async () => {
    const other = await world.machine();
    const path = `/v1/authorization/machine-users/${other.machineUserId}`;
    await world.call('DELETE', path, { token: world.admin.token });
    expect(refusal(await ask(person.token, other))).toBe('401 invalid_client');
  });

  test('a client without the scope tokens:read is refused', async () => {
    const other = await machineWith({ scopes: ['users:read'] });
    const answer = await ask(person.token, other);
    expect(refusal(answer)).toBe('403 insufficient_scope');
    expect(answer.headers['www-authenticate']).toBe('Bearer error="insufficient_scope", scope="tokens:read"');
  });

  test('a client from a network that it may not use is refused', async () => {
    const other = await machineWith({ allowedNetworks: ['198.51.100.0/24'] });
    expect(refusal(await ask(person.token, other))).toBe('403 unauthorized_client');
  });

  test.each(['%00', 'a%00b', '%F0%9F%98%80', '..', '%2e%2e%2f'])(
    'a client in an app whose name is not possible is refused: %s',
    async (appName) => {
      const response = await post({ token: 'x' }, { authorization: basicOf(machine), appName });
      expect(response.statusCode).toBe(404);
    },
  );

  test('a client in an app that does not exist, or is deactivated, is refused', async () => {
    const closed = await createWorld(app);
    const client = await closed.machine();
    await closed.operate('PATCH', `/v1/platform/apps/${closed.appName}`, { status: 'INACTIVE' });
    const options = { authorization: basicOf(client) };
    expect(refusal(await post({ token: 'x' }, { ...options, appName: closed.appName }))).toBe(
      '403 unauthorized_client',
    );
    expect(refusal(await post({ token: 'x' }, { ...options, appName: 'no-such-app' }))).toBe('404 invalid_request');
  });
});

describe('a request is refused', () => {
  const credentials = () => ({ authorization: basicOf(machine) });
  test.each<[what: string, form: () => Form, options: () => Options, answer: string]>([
    ['without a token', () => '', credentials, '400 invalid_request'],
    ['with an empty token', () => 'token=', credentials, '400 invalid_request'],
    ['with a token that is too long', () => ({ token: 'x'.repeat(8193) }), credentials, '400 invalid_request'],
    ['with two tokens', () => 'token=a&token=b', credentials, '400 invalid_request'],
    ['with two equal tokens', () => 'token=a&%74oken=a', credentials, '400 invalid_request'],
    ['with a parameter twice that it ignores', () => 'token=a&x=1&x=2', credentials, '400 invalid_request'],
    ['with a wrong percent', () => 'token=%zz', credentials, '400 invalid_request'],
    ['with bytes that are no UTF-8', () => 'token=%ff', credentials, '400 invalid_request'],
    [
      'with Basic and the secret in the form',
      () => ({ token: 'x', ...inForm(machine) }),
      credentials,
      '400 invalid_request',
    ],
    [
      'with Basic and another client in the form',
      () => ({ token: 'x', client_id: '1' }),
      credentials,
      '400 invalid_request',
    ],
    [
      'that is larger than 32 KiB',
      () => ({ token: 'x', state: 'x'.repeat(33_000) }),
      credentials,
      '413 invalid_request',
    ],
    ['as JSON', () => '{"token":"x"}', () => ({ ...credentials(), type: 'application/json' }), '415 invalid_request'],
    ['as text', () => 'token=x', () => ({ ...credentials(), type: 'text/plain' }), '415 invalid_request'],
    [
      'in another charset',
      () => 'token=x',
      () => ({ ...credentials(), type: `${formType}; charset=utf-16` }),
      '415 invalid_request',
    ],
  ])('%s', async (_, form, options, expected) => {
    expect(refusal(await post(form(), options()))).toBe(expected);
  });

  test.each<[what: string, form: string, description: string]>([
    ['a token that is missing', '', '/body/token: Required.'],
    ['a form that is too large', `token=${'x'.repeat(33_000)}`, 'The form is larger than 32 KiB.'],
  ])('a request is refused with a description that names %s', async (_, form, description) => {
    const answer = await post(form, credentials());
    expect(answer.json()).toMatchObject({ error: 'invalid_request', error_description: description });
  });

  test.each(['GET', 'HEAD', 'PUT', 'DELETE'] as const)('a request by %s is refused', async (method) => {
    const answer = await world.call(method, `/apps/${world.appName}/oauth/introspect`, { app: null });
    expect([answer.statusCode, answer.headers['allow']]).toEqual([405, 'POST']);
  });

  test('a request with its parameters in the query, where logs would keep them, is refused', async () => {
    const url = `/apps/${world.appName}/oauth/introspect?token=${person.token}`;
    const headers = { 'content-type': formType, authorization: basicOf(machine) };
    const answer = await app.app.inject({ method: 'POST', url, headers, payload: `token=${person.token}` });
    expect(refusal(answer)).toBe('400 invalid_request');
  });
});

describe('a client authenticates', () => {
  test.each<[how: string, form: () => Form, options: () => Options]>([
    ['by Basic', () => ({ token: person.token }), () => ({ authorization: basicOf(machine) })],
    [
      'by Basic in another case, percent-encoded',
      () => ({ token: person.token }),
      () => {
        const percent = (text: string) => text.replaceAll(/[^]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);
        const { machineUserId, clientSecret } = machine;
        return { authorization: basic(percent(machineUserId), percent(clientSecret)).replace('Basic', 'bAsIc ') };
      },
    ],
    [
      'by Basic, and names itself in the form',
      () => ({ token: person.token, client_id: machine.machineUserId }),
      () => ({ authorization: basicOf(machine) }),
    ],
    ['in the form', () => ({ token: person.token, ...inForm(machine) }), () => ({})],
    [
      'in the form, beside an Authorization header of another scheme',
      () => ({ token: person.token, ...inForm(machine) }),
      () => ({ authorization: 'Bearer x' }),
    ],
    [
      'and sends parameters that nobody asked for, one of them empty',
      () => `token=${person.token}&token_type_hint=access_token&__proto__=x&constructor=x&empty=&&=`,
      () => ({ authorization: basicOf(machine) }),
    ],
    [
      'with a charset',
      () => ({ token: person.token }),
      () => ({ authorization: basicOf(machine), type: `${formType};charset=UTF-8` }),
    ],
  ])('%s', async (_, form, options) => {
    const answer = await post(form(), options());
    expect(answer.json()).toMatchObject({ active: true, sub: person.userId });
    expect(answer.headers['cache-control']).toBe('no-store');
  });
});

describe('it returns the same as the JSON route,', () => {
  test.each<[kind: string, token: () => string | Promise<string>]>([
    ['of a session', () => person.token],
    ['of the access token of a person', () => signAccessToken(world, person.token)],
    ['of a machine token for this API', () => machine.token],
    ['of a machine token for other services', () => machineToken(machine, ['documents', 'pictures'])],
  ])('%s', async (_, token) => {
    const presented = await token();
    const url = '/v1/authentication/token/introspection';
    const inJson = await world.call('POST', url, { token: machine.token, body: { token: presented } });
    const answer = await ask(presented);
    expect(answer.json()).toEqual(inJson.json());
    const { active, token_type, iss, client_id, exp, iat, aud, sub, jti, nbf } = answer.json<Record<string, unknown>>();
    expect({ active, token_type, iss }).toEqual({
      active: true,
      token_type: 'Bearer',
      iss: `http://127.0.0.1:3000/apps/${world.appName}`,
    });
    expect([client_id, exp, iat, aud, sub]).not.toContain(undefined);
    const isSession = presented.startsWith('gh_s_');
    expect([typeof jti, nbf]).toEqual(isSession ? ['undefined', undefined] : ['string', Number(iat) - 60]);
  });
});

describe('a token is not active, and the response has no other field:', () => {
  test.each<[what: string, token: () => string | Promise<string>]>([
    ['one that nobody issued', () => `gh_s_${'x'.repeat(43)}`],
    ['something that is no token', () => 'no token at all'],
    ['the token of a verification mail', async () => (await personWithMailedLink(world)).token],
    ['a machine secret', () => machine.clientSecret],
    ['a code', () => 'ABCDEFG'],
    ['a session of another app', async () => (await elsewhere.person()).token],
    ['a machine token of another app', async () => (await elsewhere.machine()).token],
    ['a JWT that was tampered with', () => `${machine.token.slice(0, -4)}AAAA`],
  ])('%s', async (_, token) => {
    const answer = await ask(await token());
    expect([answer.statusCode, answer.json()]).toEqual([200, { active: false }]);
  });
});

describe('a machine user that is limited to audiences learns of', () => {
  let limited: Machine;
  beforeAll(async () => {
    limited = await machineWith({ allowedAudiences: ['documents'] });
  });

  test.each<[what: string, token: () => string | Promise<string>, active: boolean]>([
    ['tokens for its audience', () => machineToken(machine, 'documents'), true],
    ['tokens for its audience and another', () => machineToken(machine, ['pictures', 'documents']), true],
    ['sessions, which have no audience', () => person.token, true],
    ['no tokens for another audience', () => machineToken(machine, 'pictures'), false],
    ['no tokens for this API', () => machine.token, false],
    ['no access token of a person for another audience', () => signAccessToken(world, person.token), false],
  ])('%s', async (_, token, active) => {
    expect((await ask(await token(), limited)).json()).toMatchObject({ active });
  });
});

test('a secret is counted after it was verified, apart from the tokens of the machine user', async () => {
  const settings = { limits: { introspectionsPerMachinePerMinute: 2, tokenRequestsPerMachinePerMinute: 5 } };
  const small = await createWorld(app, { settings });
  const [client, other] = [await small.machine(), await small.machine()];
  const options = { appName: small.appName, authorization: basicOf(client) };
  const stranger = { ...options, authorization: basic(client.machineUserId, `gh_m_${'x'.repeat(43)}`) };
  for (let count = 0; count < 5; count += 1) {
    expect(refusal(await post({ token: 'x' }, stranger))).toBe('401 invalid_client');
  }
  expect((await post({ token: 'x' }, options)).statusCode).toBe(200);
  expect((await post({ token: 'x' }, options)).statusCode).toBe(200);
  const refused = await post({ token: 'x' }, options);
  expect(refusal(refused)).toBe('429 temporarily_unavailable');
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect((await post({ token: 'x' }, { ...options, authorization: basicOf(other) })).statusCode).toBe(200);
  const body = { clientId: client.machineUserId, clientSecret: client.clientSecret };
  expect((await small.call('POST', '/v1/authentication/machine-users/access-token', { body })).statusCode).toBe(200);
});

test('a wrong secret is a security event of the app in the path', async () => {
  const name = `gh_m_${'y'.repeat(43)}`;
  await post({ token: 'x' }, { authorization: basic(machine.machineUserId, name) });
  const url = '/v1/authorization/audit-events?pageSize=100&action=client_secret.failed';
  const { events } = (await world.call('GET', url, { token: world.admin.token })).json<{
    events: { target: object }[];
  }>();
  expect(events.map(({ target }) => target)).toContainEqual({ kind: 'machine', id: machine.machineUserId });
  expect(problem(await world.call('GET', url, { token: person.token }))).toBe('403 access_denied');
});
