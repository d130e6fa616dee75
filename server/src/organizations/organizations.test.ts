import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let owner: Person;
let manager: Person;
let member: Person;
let machine: { token: string };
let orgId: string;
let url: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner, { name: 'Acme', metadata: { plan: 'pro' } });
  manager = await world.manager(orgId);
  member = await world.member(orgId);
  machine = await world.machine();
  url = `/v1/authorization/organizations/${orgId}`;
});
afterAll(() => app?.close());

interface Organization {
  name: string;
  updatedAt: string;
  metadata?: Record<string, string>;
}
const read = (query = '', { token }: { token: string } = owner) => world.call('GET', url + query, { token });
const found = async () => (await read('?includeMetadata=true')).json<Organization>();
const update = (body: unknown, { token }: { token: string } = owner, headers: Record<string, string> = {}) =>
  world.call('PATCH', url, { token, body, headers });
const etag = async () => String((await read()).headers['etag']);

describe('an organization is not read', () => {
  test('strangers, other tenants and other apps cannot read an organization', async () => {
    const neighbour = await world.person();
    await world.organization(neighbour);
    for (const caller of [await world.person(), neighbour]) {
      expect(problem(await read('', caller))).toBe('404 organization_not_found');
    }
    const elsewhere = await createWorld(app);
    for (const { token } of [elsewhere.admin, await elsewhere.machine()]) {
      expect(problem(await elsewhere.call('GET', url, { token }))).toBe('404 organization_not_found');
      expect(problem(await world.call('GET', url, { token }))).toBe('401 unauthenticated');
    }
    expect(problem(await world.call('GET', url))).toBe('401 unauthenticated');
  });

  test.each(['x', '-1', '1.0', '12345678901234567890', '9223372036854775808', '%00'])('id %s fails', async (id) => {
    const { token } = world.admin;
    const response = await world.call('GET', `/v1/authorization/organizations/${id}`, { token });
    expect(problem(response)).toBe('400 validation_failed');
  });

  test('a plain member cannot read the metadata of an organization', async () => {
    expect(problem(await read('?includeMetadata=true', member))).toBe('403 access_denied');
    expect((await read('?includeMetadata=false', member)).statusCode).toBe(200);
  });
});

describe('reading an organization', () => {
  test('returns no metadata and roles by default, also to members', async () => {
    for (const caller of [owner, manager, member, machine, world.admin]) {
      const response = await read('', caller);
      expect(response.statusCode).toBe(200);
      expect(response.json()).toEqual({
        id: orgId,
        name: 'Acme',
        status: 'Active',
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        updatedAt: expect.stringMatching(/Z$/),
      });
    }
  });

  test('returns both on request', async () => {
    const response = await read('?includeMetadata=true&includeRoles=true');
    expect(response.json()).toMatchObject({
      metadata: { plan: 'pro' },
      roles: [
        { key: 'reader', displayName: 'reader', allowedPermissions: ['documents:reader'] },
        { key: 'writer', displayName: 'writer', allowedPermissions: ['documents:writer'] },
      ],
    });
    expect((await read('?includeRoles=true', member)).json()).toHaveProperty('roles');
  });

  test('has its version as ETag, which every change raises', async () => {
    const before = await etag();
    expect(before).toMatch(/^"\d+"$/);
    expect(await etag()).toBe(before);
    app.clock.advance(1000);
    const changed = await update({ metadata: { plan: 'team' } });
    expect(changed.headers['etag']).not.toBe(before);
    expect(await etag()).toBe(changed.headers['etag']);
    expect((await found()).updatedAt).toBe(app.clock.now().toISOString());
  });
});

describe('permission to update an organization', () => {
  const body = { metadata: { key1: 'value1' } };

  test('it is hidden from strangers and from owners of other organizations', async () => {
    const stranger = await world.person();
    const neighbour = await world.person();
    await world.organization(neighbour);
    const before = await found();
    for (const caller of [stranger, neighbour]) {
      expect(problem(await update(body, caller))).toBe('404 organization_not_found');
      expect(problem(await update({ metadata: {} }, caller))).toBe('404 organization_not_found');
    }
    const { token } = world.admin;
    const nowhere = await world.call('PATCH', '/v1/authorization/organizations/1', { token, body });
    expect(problem(nowhere)).toBe('404 organization_not_found');
    expect(await found()).toEqual(before);
  });

  test('a plain member sees it and may not', async () => {
    const before = await found();
    expect(problem(await update(body, member))).toBe('403 access_denied');
    expect(problem(await update({ metadata: {} }, member))).toBe('403 access_denied');
    expect(await found()).toEqual(before);
  });

  test('owner, manager, machine user and super admin may', async () => {
    for (const [index, caller] of [owner, manager, machine, world.admin].entries()) {
      const response = await update({ metadata: { [`by${index}`]: 'value1' } }, caller);
      expect(response.json()).toEqual({ message: 'Organization Data Updated' });
      expect(response.statusCode).toBe(200);
    }
    expect((await found()).metadata).toMatchObject({ by0: 'value1', by1: 'value1', by2: 'value1', by3: 'value1' });
  });
});

describe('the name', () => {
  test('cannot be changed by a manager, and other fields of the request are not changed either', async () => {
    const before = await found();
    const events = (await world.events()).length;
    const response = await update({ name: 'Managed', metadata: { smuggled: 'yes' } }, manager);
    expect(problem(response)).toBe('403 access_denied');
    expect(await found()).toEqual(before);
    expect(await world.events()).toHaveLength(events);
  });

  test('is changed by owner, machine and super admin', async () => {
    for (const [index, caller] of [owner, machine, world.admin].entries()) {
      expect((await update({ name: `Renamed ${index}` }, caller)).statusCode).toBe(200);
      expect(await found()).toMatchObject({ name: `Renamed ${index}` });
    }
    expect((await world.events()).at(-1)).toMatchObject({ action: 'organization.updated', changes: ['name'] });
  });

  test('a name that is in use is refused, and nothing changes', async () => {
    await world.organization(await world.person(), { name: 'Taken name' });
    const before = await found();
    const response = await update({ name: ' TAKEN  name', metadata: { a: 'b' } });
    expect(problem(response)).toBe('409 organization_name_taken');
    expect(await found()).toEqual(before);
  });

  test('may be the present one with different upper and lower case, and the old one becomes free', async () => {
    await update({ name: 'Old Name' });
    expect((await update({ name: 'OLD NAME' })).statusCode).toBe(200);
    await update({ name: 'New Name' });
    expect(await world.organization(await world.person(), { name: 'Old Name' })).toMatch(/^\d+$/);
  });
});

describe('updates with If-Match', () => {
  const body = { metadata: { matched: 'yes' } };

  test.each<[what: string, header: (current: string) => string]>([
    ['an older version', () => '"0"'],
    ['the version as a weak tag', (current) => `W/${current}`],
    ['the version without quotes', (current) => current.replaceAll('"', '')],
    ['a foreign tag', () => '"abc"'],
    ['the version with a zero before it', (current) => current.replace('"', '"0')],
    ['the version with a sign', (current) => current.replace('"', '"+')],
    ['several that are all stale', () => '"0", "abc"'],
    ['nothing', () => ''],
  ])('refuses with %s', async (_, header) => {
    const before = await found();
    const current = await etag();
    for (const patch of [body, { metadata: {} }]) {
      expect(problem(await update(patch, owner, { 'if-match': header(current) }))).toBe('412 precondition_failed');
    }
    expect(await etag()).toBe(current);
    expect(await found()).toEqual(before);
  });

  test.each<[what: string, header: (current: string) => string]>([
    ['the current version', (current) => current],
    ['the current version among others', (current) => `"0", ${current}`],
    ['any version', () => '*'],
  ])('lets pass with %s', async (_, header) => {
    const current = await etag();
    const response = await update(body, owner, { 'if-match': header(current) });
    expect(response.statusCode).toBe(200);
    expect(response.headers['etag']).not.toBe(current);
  });

  test('accepts one of several writers of the same version', async () => {
    const current = await etag();
    const attempts = Array.from({ length: 6 }, (_, index) =>
      update({ metadata: { winner: String(index) } }, owner, { 'if-match': current }),
    );
    const statuses = (await Promise.all(attempts)).map(({ statusCode }) => statusCode);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 412, 412, 412, 412, 412]);
  });

  test('is asked after access', async () => {
    expect(problem(await update(body, member, { 'if-match': '"0"' }))).toBe('403 access_denied');
  });
});

describe('reads with If-None-Match', () => {
  const readIf = (header: string, query = '') =>
    world.call('GET', `${url}${query}`, { token: owner.token, headers: { 'if-none-match': header } });

  test.each<[what: string, header: (current: string) => string]>([
    ['the current version', (current) => current],
    ['the current version as a weak tag', (current) => `W/${current}`],
    ['the current version among others', (current) => `"0" , ${current}`],
    ['any version', () => '*'],
  ])('is answered by 304 without content for %s', async (_, header) => {
    const current = await etag();
    const response = await readIf(header(current), '?includeMetadata=true');
    expect([response.statusCode, response.body, response.headers['etag']]).toEqual([304, '', current]);
  });

  test.each<[what: string, header: (current: string) => string]>([
    ['another version', () => '"0"'],
    ['the version with a zero before it', (current) => current.replace('"', '"0')],
    ['nothing', () => ''],
  ])('is answered in full for %s', async (_, header) => {
    expect((await readIf(header(await etag()))).json()).toMatchObject({ status: 'Active' });
  });

  test('is answered in full if the roles are requested: predefined roles change without the version', async () => {
    expect((await readIf(await etag(), '?includeRoles=true')).statusCode).toBe(200);
  });

  test('is asked after access', async () => {
    const stranger = await world.person();
    const headers = { 'if-none-match': '*' };
    expect(problem(await world.call('GET', url, { token: stranger.token, headers }))).toBe(
      '404 organization_not_found',
    );
  });

  test('is answered in full after a change', async () => {
    const old = await etag();
    await update({ metadata: { known: 'no more' } });
    expect((await readIf(old)).statusCode).toBe(200);
  });
});

describe('a patch', () => {
  test.each<[what: string, body: unknown, pointer: string]>([
    ['of nothing', {}, '/body'],
    ['that is missing', undefined, '/body'],
    ['that is a list', [], '/body'],
    ['with null for metadata', { metadata: null }, '/body/metadata'],
    ['with null for the name', { name: null }, '/body/name'],
    ['with an unknown field', { metadata: {}, status: 'Inactive' }, '/body/status'],
  ])('%s is refused', async (_, body, pointer) => {
    const current = await etag();
    const response = await update(body);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
    expect(await etag()).toBe(current);
  });

  test('a patch of no metadata is accepted, changes nothing and is not recorded in the audit', async () => {
    const [before, current] = [await found(), await etag()];
    const events = (await world.events()).length;
    app.clock.advance(1000);
    const response = await update({ metadata: {} });
    expect(response.json()).toEqual({ message: 'Organization Data Updated' });
    expect([response.statusCode, response.headers['etag']]).toEqual([200, current]);
    expect([await found(), await etag()]).toEqual([before, current]);
    expect(await world.events()).toHaveLength(events);
  });

  test('a patch cannot change the row of another organization', async () => {
    const other = await world.organization(await world.person(), { metadata: { untouched: 'yes' } });
    await update({ metadata: { untouched: 'no' } });
    const [row] = await app.db.query(sql`SELECT metadata FROM organizations WHERE id = ${other}`);
    expect(row).toEqual({ metadata: { untouched: 'yes' } });
  });
});

describe('renaming by people', () => {
  test('is limited per user and day, with refused names; metadata and renaming by others is not', async () => {
    const limits = { organizationRenamesPerUserPerDay: 3 };
    const limited = await createWorld(app, { settings: { limits } });
    const [mine, colleague] = [await limited.person(), await limited.person()];
    const ids = [await limited.organization(mine), await limited.organization(mine)] as const;
    await limited.organization(colleague, { name: 'Taken' });
    const theirManager = await limited.manager(ids[0]);
    const rename = (name: string, { token }: { token: string } = mine, id: string = ids[0]) =>
      limited.call('PATCH', `/v1/authorization/organizations/${id}`, { token, body: { name } });
    for (const [caller, code] of [
      [theirManager, '403 access_denied'],
      [colleague, '404 organization_not_found'],
    ] as const) {
      for (let count = 0; count < 4; count += 1) expect(problem(await rename('Other', caller))).toBe(code);
    }
    expect((await rename('First')).statusCode).toBe(200);
    for (const id of ids) expect(problem(await rename('Taken', mine, id))).toBe('409 organization_name_taken');
    const refused = await rename('Taken');
    expect(problem(refused)).toBe('429 rate_limited');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(60);
    const renamed = `/v1/authorization/organizations/${ids[0]}`;
    const body = { metadata: { plan: 'free' } };
    expect((await limited.call('PATCH', renamed, { token: mine.token, body })).statusCode).toBe(200);
    for (const caller of [limited.admin, await limited.machine()]) {
      for (const name of ['A', 'B', 'C', 'D']) expect((await rename(name, caller)).statusCode).toBe(200);
    }
  });
});
