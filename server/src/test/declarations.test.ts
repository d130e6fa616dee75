import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Db } from '../db/db.ts';
import { type Access, overApp, overOrganization } from '../access/access.ts';
import { noAudit, route, type Route } from '../calls/route.ts';
import { serializerOf } from '../http/response-serializer.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { routes } from '../routes.ts';
import { openTestDatabase } from './database.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import { createWorld } from './world/world.ts';

const sound = route({
  method: 'POST',
  url: '/v1/authorization/organizations/:orgId/nothing',
  operationId: 'doNothing',
  tag: 'authorization',
  summary: 'Do nothing',
  description: 'Does nothing.',
  access: overOrganization('change', 'ORG_OWNER'),
  audit: noAudit('The route does nothing.'),
  params: organizationParams,
  response: { status: 204, description: 'Nothing was done.' },
  handler: () => {},
});

/** The valid route, with the type that it would have without the compiler. */
const faulty = (fault: Readonly<Record<string, unknown>>): Route => ({ ...sound, ...fault });

const ofNobody: Access = { target: 'organization', from: 'path', operation: 'read', principals: [] };

describe('the service does not start with a route that', () => {
  let db: Db;
  beforeAll(async () => {
    db = await openTestDatabase();
  });
  afterAll(() => db?.close());

  it.each([
    ['does not say who may call it', faulty({ access: undefined }), 'does not declare its access'],
    ['changes something the audit is not told of', faulty({ audit: undefined }), 'does not declare its audit event'],
    ['is for somebody unknown', faulty({ access: overApp('ORG_BOSS' as 'ORG_OWNER') }), 'unknown principals: ORG_BOSS'],
    ['is for nobody', faulty({ access: ofNobody }), 'allows no caller'],
    ['is there twice', sound, 'already declared'],
  ])('%s', async (_, flawed, message) => {
    await expect(buildTestApp({ db, routes: [sound, flawed] })).rejects.toThrow(message);
  });

  it('is sound: it starts', async () => {
    const started = await buildTestApp({ db, routes: [sound] });
    await started.app.close();
  });
});

describe('a route that decides on access in its own statement', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await buildTestApp({ routes: [...routes, faulty({ decidesInStatement: 'by-declaration' })] });
  });
  afterAll(() => app?.close());

  it('fails if it forgets to, without disclosing anything', async () => {
    const world = await createWorld(app);
    const orgId = await world.organization(await world.person());
    const { token } = world.admin;
    const response = await world.call('POST', `/v1/authorization/organizations/${orgId}/nothing`, { token });
    expect(response.statusCode).toBe(500);
    expect(response.json()).toMatchObject({ code: 'internal_error' });
    expect(response.body).not.toContain('doNothing');
  });
});

describe('every response schema has a serializer', () => {
  const withBody = routes.flatMap(({ operationId, response: { body } }) => (body ? [{ operationId, body }] : []));

  // Compiled at the first response. Otherwise a schema that cannot be compiled would fail only then.
  it.each(withBody)('the schema of $operationId has one', ({ body }) => {
    expect(serializerOf(body)).toBeTypeOf('function');
  });
});

const ofAuthorization = routes.filter(
  ({ method, url, access }) => method === 'POST' && url.startsWith('/v1/authorization/') && 'principals' in access,
);

describe('every authenticated POST under /v1/authorization', () => {
  it("declares `idempotency`: 'kept', or nothingKept('because …') if it creates nothing", () => {
    expect(ofAuthorization.length).toBeGreaterThan(8);
    expect(ofAuthorization.filter(({ idempotency }) => !idempotency).map(({ operationId }) => operationId)).toEqual([]);
  });

  it('each POST that creates (201) stores its response', () => {
    const creating = ofAuthorization.filter(({ response }) => response.status === 201);
    expect(creating.filter(({ idempotency }) => idempotency !== 'kept')).toEqual([]);
  });

  it('gives a reason if no response is stored', () => {
    const reasons = ofAuthorization.flatMap(({ idempotency }) =>
      typeof idempotency === 'object' ? [idempotency] : [],
    );
    expect(reasons.filter(({ none }) => none.length < 10)).toEqual([]);
  });
});

it('no other route stores responses', () => {
  const others = routes.filter((one) => !ofAuthorization.includes(one));
  expect(others.filter(({ idempotency }) => idempotency === 'kept')).toEqual([]);
});
