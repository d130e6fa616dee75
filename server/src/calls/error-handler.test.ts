import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { DatabaseUnavailableError, sql, type Tx } from '../db/db.ts';
import { routes } from '../routes.ts';
import { buildTestApp, platformKey, type TestApp } from '../test/setup.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { publicAccess } from '../access/access.ts';
import { errorCodes } from '../http/errors.ts';
import { OverloadedError } from '../passwords/overloaded-error.ts';
import { mutate } from './mutate.ts';
import { noAudit, route } from './route.ts';

const secret = 'hunter2-at-/srv/secret';

const shared = { tag: 'platform', summary: 'Fails', description: 'Fails.', access: publicAccess() } as const;
const response = { status: 200, description: 'Never.', body: z.object({ name: z.string() }) } as const;

/** Failures of a handler. */
const failures = {
  error: () => Promise.reject(new Error(secret)),
  thrown: () => {
    throw new TypeError(secret);
  },
  text: () => Promise.reject(secret),
  nothing: () => Promise.reject(undefined),
  null: () => Promise.reject(null),
  object: () => Promise.reject({ statusCode: 418, message: secret, code: 'FST_ERR_VALIDATION', validation: [] }),
  status: () => Promise.reject(Object.assign(new Error(secret), { statusCode: 404, code: 'toString' })),
  shape: () => Promise.resolve({ wrong: secret } as unknown as { name: string }),
} satisfies Record<string, () => Promise<{ name: string }>>;

/** Failures in the middle of a call. All result in 503. */
const troubles = {
  unavailable: new DatabaseUnavailableError('away'),
  busy: new DatabaseUnavailableError('locked', { code: 'database_busy' }),
  full: new DatabaseUnavailableError('full', { code: 'storage_full' }),
  overloaded: new OverloadedError(1),
};

const failing = [
  ...Object.entries(failures).map(([name, handler]) =>
    route({ ...shared, method: 'GET', url: `/v1/failing/${name}`, operationId: `fail_${name}`, response, handler }),
  ),
  route({
    ...shared,
    method: 'GET',
    url: '/v1/failing/database',
    operationId: 'failInDatabase',
    response,
    handler: async ({ services }) => {
      await services.db.query(sql`SELECT ${secret}::integer FROM no_such_table`);
      return { name: '' };
    },
  }),
  ...(['before', 'after'] as const).flatMap((when) =>
    Object.entries(troubles).map(([name, trouble]) =>
      route({
        ...shared,
        method: 'POST',
        url: `/v1/failing/${when}/${name}`,
        operationId: `fail_${when}_${name}`,
        audit: noAudit('A test.'),
        response,
        handler: async (call) => {
          const change = async (tx: Tx) => {
            await tx.query(sql`UPDATE apps SET display_name = 'changed' WHERE id = ${call.appId}`);
            if (when === 'before') throw trouble;
            return { result: undefined, event: undefined };
          };
          await mutate(call, change);
          throw trouble;
        },
      }),
    ),
  ),
  route({
    ...shared,
    method: 'POST',
    url: '/v1/failing/transaction',
    operationId: 'failInTransaction',
    audit: noAudit('It never gets that far.'),
    response,
    handler: ({ services }) =>
      services.db.transaction(async (tx) => {
        await tx.query(sql`UPDATE apps SET display_name = 'broken'`);
        throw new Error(secret);
      }),
  }),
];

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp({ routes: [...routes, ...failing] });
  world = await createWorld(app);
});
afterAll(() => app?.close());

type Code = keyof typeof errorCodes;

/** Every field of a problem document, and nothing else. */
function expectProblem(answer: LightMyRequestResponse, code: Code): void {
  const [status, title, detail] = errorCodes[code];
  const problem = answer.json<Record<string, unknown>>();
  expect(answer.statusCode).toBe(status);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(problem).toMatchObject({ type: `http://127.0.0.1:3000/errors/${code}`, title, status, code });
  expect(problem['requestId']).toBe(answer.headers['x-request-id']);
  expect(problem['detail']).toMatch(/^[A-Z].*\.$/);
  const fields = ['type', 'title', 'status', 'detail', 'code', 'requestId'];
  expect(Object.keys(problem)).toEqual(code === 'validation_failed' ? [...fields, 'errors'] : fields);
  // The text is the same for every internal cause.
  expect(problem['detail']).toBe(status === 500 ? detail : problem['detail']);
}

const problems: [Code, () => Promise<LightMyRequestResponse>][] = [
  ['route_not_found', () => world.call('GET', '/nowhere')],
  ['method_not_allowed', () => world.call('PUT', '/v1/authentication/users')],
  ['app_name_required', () => world.call('GET', '/v1/authentication/users/me', { app: null })],
  ['app_not_found', () => world.call('GET', '/v1/authentication/users/me', { app: 'nobody' })],
  ['unauthenticated', () => world.call('GET', '/v1/authentication/users/me')],
  ['validation_failed', () => world.call('POST', '/v1/authentication/users', { body: {} })],
  [
    'unsupported_media_type',
    () => world.call('POST', '/v1/authentication/users', { headers: { 'content-type': 'a/b' }, body: 'x' }),
  ],
  [
    'malformed_request',
    () =>
      world.call('POST', '/v1/authentication/users', { headers: { 'content-type': 'application/json' }, body: '{' }),
  ],
  [
    'organization_not_found',
    () => world.call('GET', '/v1/authorization/organizations/1', { token: world.admin.token }),
  ],
  [
    'app_name_taken',
    () =>
      world.call('POST', '/v1/platform/apps', {
        token: platformKey,
        body: {
          name: world.appName,
          displayName: 'X',
          adminEmail: 'a@example.com',
          adminPassword: 'Password@123JonDoeInc',
        },
      }),
  ],
  ['internal_error', () => world.call('GET', '/v1/failing/error')],
];

describe('every refusal is a problem document', () => {
  test.each(problems)('%s', async (code, call) => expectProblem(await call(), code));

  test('a missing organization header is named', async () => {
    const options = { token: world.admin.token, body: { roles: ['reader'] } };
    expectProblem(await world.call('POST', '/v1/authorization/organizations/users/1', options), 'org_id_required');
    const empty = { ...options, headers: { 'x-iam-orgid': '' } };
    expectProblem(await world.call('POST', '/v1/authorization/organizations/users/1', empty), 'org_id_required');
  });

  test('every error of every part is listed, in our own words', async () => {
    const answer = await world.call('POST', '/v1/authorization/organizations/users/x?y=1', {
      token: world.admin.token,
      orgId: 'z',
      body: { roles: [1], extra: true },
    });
    expectProblem(answer, 'validation_failed');
    expect(answer.json<{ errors: unknown }>().errors).toEqual([
      { pointer: '/headers/x-iam-orgid', message: 'Must be a decimal string of 1 to 19 digits.' },
      { pointer: '/path/userId', message: 'Must be a decimal string of 1 to 19 digits.' },
      { pointer: '/query/y', message: 'Unknown field.' },
      { pointer: '/body/roles/0', message: 'Must be a string.' },
      { pointer: '/body/extra', message: 'Unknown field.' },
    ]);
  });

  test('validation errors never contain the words of a library', async () => {
    const bodies: unknown[] = [[], 'x', { customRoles: {}, metadata: [] }, { customRoles: [1], metadata: { '': '' } }];
    for (const body of bodies) {
      const options = {
        token: world.admin.token,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      };
      const answer = await world.call('POST', '/v1/authorization/organizations/setup', options);
      for (const { message } of answer.json<{ errors: { message: string }[] }>().errors)
        expect(message).not.toMatch(/Invalid input|expected|received|undefined/);
    }
  });
});

describe('internal errors disclose nothing', () => {
  test.each([...Object.keys(failures), 'database'])('%s', async (name) => {
    const answer = await world.call('GET', `/v1/failing/${name}`);
    expectProblem(answer, 'internal_error');
    expect(answer.body + JSON.stringify(answer.headers)).not.toMatch(
      /hunter2|no_such_table|TypeError|\.ts|node_modules/,
    );
  });

  test('an internal error rolls the transaction back', async () => {
    expectProblem(await world.call('POST', '/v1/failing/transaction'), 'internal_error');
    const found = await world.call('GET', `/v1/platform/apps/${world.appName}`, { app: null, token: platformKey });
    expect(found.json()).toMatchObject({ displayName: world.appName });
  });
});

describe('X-Request-Id', () => {
  const kept = ['12345678', 'a'.repeat(64), 'A-b_c.9-0123', '........'];
  const replaced = [
    '',
    '1234567',
    'a'.repeat(65),
    'with space',
    'a/b/c/d/e',
    'äöüäöüäöü',
    '"quoted-id"',
    '<script>alert(1)</script>',
    '${jndi:ldap}x',
    'abcdefgh, ijklmnop',
  ];

  test.each(kept)('%s is kept', async (id) => {
    for (const url of ['/v1/authentication/token/jwks', '/nowhere', '/v1/failing/error', '/v1/%zz']) {
      const answer = await world.call('GET', url, { headers: { 'x-request-id': id } });
      expect(answer.headers['x-request-id']).toBe(id);
      const { requestId = id } = answer.json<{ requestId?: string }>();
      expect(requestId).toBe(id);
    }
  });

  test.each(replaced)('%s is replaced', async (id) => {
    const answer = await world.call('GET', '/nowhere', { headers: { 'x-request-id': id } });
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.json()).toMatchObject({ requestId: answer.headers['x-request-id'] });
  });

  test('is new for each request', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => world.call('GET', '/nowhere')));
    expect(new Set(answers.map(({ headers }) => headers['x-request-id'])).size).toBe(3);
  });
});

test('every response forbids browser features that an API does not need', async () => {
  for (const [, call] of problems) {
    expect((await call()).headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    });
  }
});

describe('a failure in the middle of a call', () => {
  const call = async (path: string) => {
    await app.db.query(sql`UPDATE apps SET display_name = 'as before' WHERE id = ${world.appId}`);
    const answer = await app.app.inject({ method: 'POST', url: path, headers: { 'x-app-name': world.appName } });
    const [row] = await app.db.query<{ name: string }>(
      sql`SELECT display_name AS name FROM apps WHERE id = ${world.appId}`,
    );
    return { answer, name: row?.name };
  };

  test.each(Object.keys(troubles))('%s: nothing is changed before the commit', async (name) => {
    const { answer, name: stored } = await call(`/v1/failing/before/${name}`);
    expect([answer.statusCode, stored]).toEqual([503, 'as before']);
    expect(answer.json<{ code: string }>().code).not.toBe('outcome_unknown');
  });

  test.each(Object.keys(troubles))('%s: the response after the commit is outcome_unknown', async (name) => {
    const { answer, name: stored } = await call(`/v1/failing/after/${name}`);
    expect([answer.statusCode, answer.json<{ code: string }>().code, stored]).toEqual([
      503,
      'outcome_unknown',
      'changed',
    ]);
    expect(answer.json<{ detail: string }>().detail).toContain('A part of the change may have been made');
  });
});
