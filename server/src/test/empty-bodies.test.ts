import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { toOpenApi, toPath } from '../openapi/openapi.ts';
import { routes } from '../routes.ts';
import { type Case, cases } from './samples/samples.ts';
import { isAppNamed, outcomeOf, type Prepared, urlOf } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { openTestDatabase } from './database.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld } from './world/world.ts';

let db: UndoableDb;
let app: TestApp;
let stage: Stage;

beforeAll(async () => {
  db = await openTestDatabase();
  app = await buildTestApp({ db });
  stage = await createStage(await createWorld(app));
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => app?.close());

const document = toOpenApi(routes);
const operationOf = ({ url, method }: Case['route']) => document.paths[toPath(url)]?.[method.toLowerCase()];

async function send({ route }: Case, prepared: Prepared, content: object) {
  const { headers = {}, orgId, as } = prepared;
  const response = await app.app.inject({
    method: route.method,
    url: urlOf(route, prepared),
    headers: {
      ...headers,
      ...(isAppNamed(route) && { 'x-app-name': stage.world.appName }),
      ...(as.token !== undefined && { authorization: `Bearer ${as.token}` }),
      ...(orgId !== undefined && { 'x-iam-orgid': orgId }),
      ...('type' in content && { 'content-type': String(content.type) }),
    },
    ...('payload' in content && { payload: String(content.payload) }),
  });
  return outcomeOf(response);
}

/** Ways to send no content: without headers, with a type but no content as some programs do, and an empty object. */
const nothings: Readonly<Record<string, object>> = {
  'no content': {},
  'no content of type JSON': { type: 'application/json', payload: '' },
  'no content of a form, as curl has it': { type: 'application/x-www-form-urlencoded', payload: '' },
  'no content of type text': { type: 'text/plain', payload: '' },
  'an empty object': { type: 'application/json', payload: '{}' },
};

const changing = [...new Map(cases.map((one) => [one.route.operationId, one])).values()].filter(
  ({ route }) => route.method !== 'GET' && !route.oauth && !route.page,
);

describe('operations without required fields accept an empty body:', () => {
  const optional = changing.filter(({ route }) => !operationOf(route)?.requestBody?.required);

  it('the document states it for those operations', () => {
    const withBody = optional.filter(({ route }) => route.body).map(({ route }) => route.operationId);
    const known = [
      'createMachineSecret',
      'resendInvitation',
      'searchOrganizationUsers',
      'updateAppSettings',
      'updateUser',
    ];
    expect(withBody).toEqual(expect.arrayContaining(known));
  });

  it.each(optional.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    for (const [what, content] of Object.entries(nothings)) {
      const prepared = await one.sample.prepare(stage);
      expect([what, await send(one, prepared, content)]).toEqual([what, one.route.response.status]);
    }
  });
});

describe('operations with required fields refuse an empty body with a validation error:', () => {
  const required = changing.filter(({ route }) => operationOf(route)?.requestBody?.required);

  it.each(required.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    for (const [what, content] of Object.entries(nothings)) {
      expect([what, await send(one, prepared, content)]).toEqual([what, 'validation_failed']);
    }
  });
});
