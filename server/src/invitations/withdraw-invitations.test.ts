import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let owner: Person;
let manager: Person;
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
});
beforeEach(async () => {
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner, { name: 'Acme' });
  manager = await world.manager(orgId);
});
afterAll(() => app?.close());

type Noun = 'owners' | 'managers' | 'members';

const url = (path: string) => `/v1/authorization/organizations/${orgId}/${path}`;
const invite = (email: string, noun: Noun = 'members', role = 'reader') => {
  const body = { email, firstName: 'Jane', lastName: 'Roe', ...(noun === 'members' && { role }) };
  return world.call('POST', url(noun), { token: owner.token, body });
};
const list = async () => {
  const response = await world.call('GET', url('invitations?pageSize=100'), { token: owner.token });
  return response.json<{ invitations: { role: string; status: string }[] }>();
};
const accept = (email: string, verificationCode: string) =>
  world.call('PUT', '/v1/authentication/users/invite', {
    body: { orgId, email, verificationCode, newPassword: 'Secret@slidezAB' },
  });
const codeTo = async (email: string) => (await world.mails(email)).find(({ code }) => code)?.code ?? '';
const verify = async ({ userId, email, token }: Person) => {
  const mail = (await world.mails(email)).find(({ purpose }) => purpose === 'email_verification');
  const body = { userId, verificationCode: mail?.code };
  const at = '/v1/authentication/users/email/verification';
  expect((await world.call('POST', at, { token, body })).statusCode).toBe(200);
};

describe('a user who leaves an organization', () => {
  const outBy: [string, (person: Person) => ReturnType<World['call']>][] = [
    [
      'removed',
      ({ userId }) =>
        world.call('DELETE', `/v1/authorization/organizations/users/${userId}`, { token: owner.token, orgId }),
    ],
    [
      'by leaving',
      ({ token }) => world.call('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token }),
    ],
  ];

  test.each(outBy)('%s, is not restored by an older invitation', async (_, goOut) => {
    const person = await world.person({ verified: false });
    await invite(person.email, 'owners');
    const code = await codeTo(person.email);
    const addUrl = `/v1/authorization/organizations/users/${person.userId}`;
    await world.call('POST', addUrl, { token: world.admin.token, orgId, body: { roles: ['reader'] } });
    expect((await goOut(person)).statusCode).toBeLessThan(300);
    expect(problem(await accept(person.email, code))).toBe('400 code_invalid');
    expect((await list()).invitations).toMatchObject([{ role: 'ORG_OWNER', status: 'revoked' }]);
    expect((await world.events()).slice(-2).map(({ action }) => action)).toContain('invitation.revoked');
  });

  test('removed by a manager, keeps invitations by owners', async () => {
    const person = await world.person({ verified: false });
    await invite(person.email, 'owners');
    await invite(person.email, 'members');
    const addUrl = `/v1/authorization/organizations/users/${person.userId}`;
    await world.call('POST', addUrl, { token: world.admin.token, orgId, body: { roles: ['writer'] } });
    await world.call('DELETE', addUrl, { token: manager.token, orgId });
    expect((await list()).invitations).toMatchObject([
      { role: 'ORG_OWNER', status: 'pending' },
      { role: 'reader', status: 'revoked' },
    ]);
  });

  test('a former manager who left is not restored by an older invitation', async () => {
    const person = await world.person({ verified: false });
    await invite(person.email, 'owners');
    await invite(person.email, 'members');
    const code = await codeTo(person.email);
    await verify(person);
    await invite(person.email, 'managers');
    expect((await world.call('DELETE', url(`managers/${person.userId}`), { token: owner.token })).statusCode).toBe(204);
    const { sessionToken } = (await accept(person.email, code)).json<{ sessionToken: string }>();
    const me = await world.call('GET', '/v1/authentication/users/me?includeOrganizations=true', {
      token: sessionToken,
    });
    expect(me.json()).toMatchObject({ organizations: [{ id: orgId, roles: ['reader'], managerRoles: [] }] });
  });

  test('a user who lost a role does not get it back by an older invitation', async () => {
    const person = await world.person({ verified: false });
    const addUrl = `/v1/authorization/organizations/users/${person.userId}`;
    const setRoles = (roles: string[]) =>
      world.call('PUT', `${addUrl}/roles`, { token: owner.token, orgId, body: { roles } });
    await world.call('POST', addUrl, { token: world.admin.token, orgId, body: { roles: ['writer'] } });
    // The person is invited to a role that they already have, and to a role that is then granted directly.
    await invite(person.email, 'members', 'writer');
    await invite(person.email, 'members');
    await invite(person.email, 'managers');
    const code = await codeTo(person.email);
    expect((await setRoles(['reader'])).statusCode).toBe(200);
    expect((await list()).invitations).toMatchObject([
      { role: 'writer', status: 'revoked' },
      { role: 'reader', status: 'accepted' },
      { role: 'ORG_USER_MANAGER', status: 'pending' },
    ]);
    expect(
      (await world.events())
        .slice(-2)
        .map(({ action }) => action)
        .toSorted(),
    ).toEqual(['invitation.revoked', 'member.roles_set']);
    expect((await setRoles([])).statusCode).toBe(200);
    const { sessionToken } = (await accept(person.email, code)).json<{ sessionToken: string }>();
    const me = await world.call('GET', '/v1/authentication/users/me?includeOrganizations=true', {
      token: sessionToken,
    });
    expect(me.json()).toMatchObject({ organizations: [{ id: orgId, roles: [], managerRoles: ['ORG_USER_MANAGER'] }] });
  });
});
