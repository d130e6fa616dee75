import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { routes } from '../routes.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import { createWorld, problem, type World } from './world/world.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** The declaration with exactly this URL, even if less specific URLs would match too. */
function declaredAt(url: string): string[] {
  const here = routes.filter((route) => route.url === url);
  return here.flatMap(({ method, changesState }) => (method === 'GET' && !changesState ? ['GET', 'HEAD'] : [method]));
}

/** Parameters match ids, names and words. */
const filled = (url: string): string[] => ['1', 'demo'].map((value) => url.replace(/:[A-Za-z]+/g, value));

describe.each([...new Set(routes.map(({ url }) => url))])('%s', (url) => {
  const declared = declaredAt(url);
  const others = methods.filter((method) => !declared.includes(method));

  test.each(others)('does not support %s, and lists the supported methods', async (method) => {
    for (const path of new Set(filled(url))) {
      for (const token of [undefined, world.admin.token]) {
        const response = await world.call(method, path, { token, headers: { host: 'localhost' } });
        expect([path, response.statusCode]).toEqual([path, 405]);
        expect(String(response.headers.allow).split(', ').toSorted()).toEqual(declared.toSorted());
        expect(problem(response)).toBe('405 method_not_allowed');
      }
    }
  });
});

/** Paths that a less specific URL of the table also matches, which the router could confuse. */
test.each([
  ['GET', '/v1/authentication/users/invite', 'POST, PUT'],
  ['PATCH', '/v1/authorization/idps/google', 'POST'],
  ['DELETE', '/v1/authorization/idps/oidc', 'POST'],
  ['PUT', '/v1/authentication/users/me', 'GET, HEAD, DELETE'],
  ['GET', '/v1/authorization/organizations/setup', 'POST'],
  ['GET', '/v1/authorization/organizations/users/audit-events', 'POST, DELETE'],
] as const)('%s %s: 405, Allow: %s', async (method, url, allow) => {
  const response = await world.call(method, url, { token: world.admin.token });
  expect([response.statusCode, response.headers.allow]).toEqual([405, allow]);
});
