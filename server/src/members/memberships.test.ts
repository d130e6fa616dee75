import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addTo } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
/** Owns the first two organizations, manages the third, is a member of the fourth; the second is deactivated. */
let person: Person;
let orgIds: string[];

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  person = await world.person();
  const { token } = world.admin;
  const other = await world.person();
  const owned = [await world.organization(person, { name: 'One' }), await world.organization(person, { name: 'Two' })];
  const others = [
    await world.organization(other, { name: 'Three' }),
    await world.organization(other, { name: 'Four' }),
  ];
  orgIds = [...owned, ...others];
  const manager = { email: person.email, firstName: 'Jon', lastName: 'Doe' };
  await world.call('POST', `/v1/authorization/organizations/${orgIds[2]}/managers`, { token, body: manager });
  for (const orgId of orgIds.slice(1)) await addTo({ world, orgId }, person.userId, 'writer');
  await world.call('POST', `/v1/authorization/organizations/${orgIds[1]}/deactivate`, { token });
});
afterAll(() => app?.close());

const managerRoles = '/v1/authentication/users/me/manager-roles';
const organizations = (email: string, rest = '') =>
  `/v1/authentication/users/organizations?email=${encodeURIComponent(email)}${rest}`;
const get = (url: string, { token }: { token: string } = person) => world.call('GET', url, { token });

describe('manager roles', () => {
  test('are those of the caller, none in a deactivated organization', async () => {
    expect((await get(managerRoles)).json()).toEqual({
      metadata: { total: 3 },
      managerRoles: [
        { orgId: orgIds[0], orgName: 'One', roles: ['ORG_OWNER'] },
        { orgId: orgIds[1], orgName: 'Two', roles: [] },
        { orgId: orgIds[2], orgName: 'Three', roles: ['ORG_USER_MANAGER'] },
      ],
    });
  });

  test('come in pages', async () => {
    interface Page {
      metadata: { total: number; nextCursor?: string };
      managerRoles: { orgId: string }[];
    }
    const first = (await get(`${managerRoles}?pageSize=2`)).json<Page>();
    const second = (await get(`${managerRoles}?pageSize=2&cursor=${first.metadata.nextCursor}`)).json<Page>();
    expect([...first.managerRoles, ...second.managerRoles].map(({ orgId }) => orgId)).toEqual(orgIds.slice(0, 3));
    expect(second.metadata).toEqual({ total: 3 });
    expect((await get(`${managerRoles}?pageSize=2&page=1`)).json()).toMatchObject({
      managerRoles: second.managerRoles,
    });
    const foreign = await get(`${managerRoles}?pageSize=2&cursor=${first.metadata.nextCursor}`, world.admin);
    expect(Object.keys(faults(foreign))).toEqual(['/query/cursor']);
  });

  test('need a human', async () => {
    expect(problem(await get(managerRoles, await world.machine()))).toBe('403 human_required');
  });
});

describe('the organizations of an address', () => {
  const all = () => ({
    metadata: { total: 4 },
    organizations: [
      { id: orgIds[0], name: 'One', status: 'Active', roles: [] },
      { id: orgIds[1], name: 'Two', status: 'Inactive', roles: [] },
      { id: orgIds[2], name: 'Three', status: 'Active', roles: ['writer'] },
      { id: orgIds[3], name: 'Four', status: 'Active', roles: ['writer'] },
    ],
  });

  test.each<[who: string, caller: () => Promise<{ token: string }>]>([
    ['the user, however they spell it', () => Promise.resolve(person)],
    ['a super admin', () => Promise.resolve(world.admin)],
    ['a machine user', () => world.machine()],
  ])('are shown to %s', async (_, caller) => {
    expect((await get(organizations(person.email.toUpperCase()), await caller())).json()).toEqual(all());
  });

  test('are empty if no user has it', async () => {
    const nothing = { metadata: { total: 0 }, organizations: [] };
    expect((await get(organizations('nobody@example.com'), world.admin)).json()).toEqual(nothing);
  });

  test('are refused to others with the same response, whether or not the user exists', async () => {
    const stranger = await world.person();
    const answers = await Promise.all(
      [person.email, 'nobody@example.com'].map((email) => get(organizations(email), stranger)),
    );
    expect(answers.map(problem)).toEqual(['403 access_denied', '403 access_denied']);
    const [known, unknown] = answers.map((answer) => answer.json<object>());
    expect({ ...known, requestId: '' }).toEqual({ ...unknown, requestId: '' });
  });

  test('are refused to the owner of an organization that the user is in', async () => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    await addTo({ world, orgId }, (await world.person()).userId, 'writer');
    expect(problem(await get(organizations(person.email), owner))).toBe('403 access_denied');
  });

  test('need an address', async () => {
    expect(Object.keys(faults(await get('/v1/authentication/users/organizations')))).toEqual(['/query/email']);
    expect(Object.keys(faults(await get(organizations('no address'))))).toEqual(['/query/email']);
  });
});
