import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

const dayMs = 86_400_000;

let app: TestApp;
let world: World;
let owner: Person;
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
});
afterAll(() => app?.close());

let counter = 0;
const freshEmail = () => `invited-${(counter += 1)}@example.com`;
const url = (path: string, at = orgId) => `/v1/authorization/organizations/${at}/${path}`;
const invite = (email: string, at = orgId) => {
  const body = { email, firstName: 'Jane', lastName: 'Roe', role: 'reader' };
  return world.call('POST', url('members', at), { token: owner.token, body });
};
const list = async () => {
  const response = await world.call('GET', url('invitations?pageSize=100'), { token: owner.token });
  return response.json<{ metadata: { total: number }; invitations: { id: string }[] }>();
};
const resend = (id: string) => world.call('POST', url(`invitations/${id}/resend`), { token: owner.token });

describe('invitations of an organization in a day', () => {
  const limitTo = async (count: number) => {
    world = await createWorld(app, { settings: { limits: { invitationsPerDay: count } } });
    owner = await world.person();
    orgId = await world.organization(owner);
  };

  test('are limited by the app, also concurrent ones, and then wait', async () => {
    await limitTo(3);
    const answers = await Promise.all(Array.from({ length: 6 }, () => invite(freshEmail())));
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([
      201, 201, 201, 429, 429, 429,
    ]);
    const refused = await invite(freshEmail());
    expect(problem(refused)).toBe('429 rate_limited');
    expect(refused.headers['retry-after']).toBe(String(86_400 / 3));
    expect((await list()).metadata).toEqual({ total: 3 });
    app.clock.advance(dayMs / 3);
    expect((await invite(freshEmail())).statusCode).toBe(201);
  });

  test('are counted when sent again, and not if nothing is sent', async () => {
    await limitTo(2);
    await invite(freshEmail());
    const id = (await list()).invitations[0]?.id ?? '';
    for (let count = 0; count < 3; count += 1) {
      expect((await invite((await world.person()).email)).json()).toMatchObject({ invited: false });
      const unknown = await world.call('POST', url('members'), {
        token: owner.token,
        body: { email: freshEmail(), firstName: 'Jane', lastName: 'Roe', role: 'nobody-defined-this' },
      });
      expect(problem(unknown)).toBe('400 unknown_role');
    }
    expect((await resend(id)).statusCode).toBe(200);
    const email = freshEmail();
    const before = await world.rows();
    expect(problem(await invite(email))).toBe('429 rate_limited');
    expect(problem(await resend(id))).toBe('429 rate_limited');
    expect(await world.rows()).toEqual(before);
  });

  test('are those of this organization', async () => {
    await limitTo(1);
    const elsewhere = await world.organization(owner);
    await invite(freshEmail());
    expect((await invite(freshEmail(), elsewhere)).statusCode).toBe(201);
  });
});

describe('mails about roles that were granted directly', () => {
  const toldTo = async ({ email }: Person) =>
    (await world.mails(email)).filter(({ purpose }) => purpose === 'role_granted').length;

  beforeEach(async () => {
    world = await createWorld(app, { settings: { limits: { roleMailsPerUserPerDay: 2 } } });
    owner = await world.person();
    orgId = await world.organization(owner);
  });

  test('are not repeated: a role that the user already has causes neither mail nor event', async () => {
    const person = await world.person();
    const first = await invite(person.email);
    const before = await world.rows();
    const again = await invite(person.email);
    expect([again.statusCode, again.json()]).toEqual([201, first.json()]);
    expect(await world.rows()).toEqual(before);
    expect(await toldTo(person)).toBe(1);
  });

  const take = (person: Person, at = orgId) =>
    world.call('PUT', `/v1/authorization/organizations/users/${person.userId}/roles`, {
      token: world.admin.token,
      orgId: at,
      body: { roles: [] },
    });
  const rolesOf = async ({ token }: Person, at = orgId) => {
    const me = await world.call('GET', `/v1/authentication/users/me?organizationId=${at}`, { token });
    return me.json<{ organizations: { roles: string[] }[] }>().organizations[0]?.roles;
  };
  /** Uses up the mails of the organization to a person, who then has no role in it. */
  const useUp = async (person: Person) => {
    for (let count = 0; count < 2; count += 1) {
      expect((await invite(person.email)).json()).toMatchObject({ message: 'Member assigned', invited: false });
      await take(person);
    }
  };

  test('are a few a day from one organization: further grants of people are refused', async () => {
    const person = await world.person();
    await useUp(person);
    const before = await world.rows();
    const refused = await invite(person.email);
    expect(problem(refused)).toBe('429 rate_limited');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(60);
    expect(await world.rows()).toEqual(before);
    expect([await rolesOf(person), await toldTo(person)]).toEqual([[], 2]);
    app.clock.advance(dayMs / 2);
    expect((await invite(person.email)).statusCode).toBe(201);
    expect([await rolesOf(person), await toldTo(person)]).toEqual([['reader'], 3]);
  });

  test('are counted separately for other people and other organizations', async () => {
    const [person, elsewhere] = [await world.person(), await world.organization(owner)];
    await useUp(person);
    expect((await invite(person.email, elsewhere)).statusCode).toBe(201);
    expect([await rolesOf(person, elsewhere), await toldTo(person)]).toEqual([['reader'], 3]);
    expect(await toldTo(await world.member(orgId))).toBe(1);
  });

  test('do not limit super admins and machine users', async () => {
    const person = await world.person();
    await useUp(person);
    for (const caller of [world.admin, await world.machine()]) {
      const body = { email: person.email, firstName: 'Jane', lastName: 'Roe', role: 'reader' };
      expect((await world.call('POST', url('members'), { token: caller.token, body })).statusCode).toBe(201);
      expect(await rolesOf(person)).toEqual(['reader']);
      await take(person);
    }
    expect(await toldTo(person)).toBe(2);
  });

  test('are needed by grants of people, also if the mailbox is full for a day', async () => {
    const limits = { mailsPerMailboxPerHour: 2, mailsPerMailboxPerDay: 2 };
    world = await createWorld(app, { settings: { limits } });
    owner = await world.person();
    const ids = [await world.organization(owner), await world.organization(owner)] as const;
    const person = await world.person();
    expect((await invite(person.email, ids[0])).statusCode).toBe(201);
    expect(problem(await invite(person.email, ids[1]))).toBe('429 rate_limited');
    expect(await rolesOf(person, ids[1])).toBeUndefined();
  });
});
