import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

const urlOf = ({ userId }: { userId: string }) => `/v1/authentication/users/${userId}`;

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

const read = (person: { userId: string }, caller: { token: string } = world.admin, query = '') =>
  world.call('GET', urlOf(person) + query, { token: caller.token });
const update = (person: { userId: string }, body: unknown, caller: { token: string } = world.admin) =>
  world.call('PUT', urlOf(person), { token: caller.token, body });
const metadataOf = async (person: Person) =>
  (await read(person, world.admin, '?includeMetadata=true')).json<{ metadata: Record<string, string> }>().metadata;
const setPhoneVerified = ({ userId }: Person) =>
  app.db.query(sql`UPDATE users SET is_phone_verified = true WHERE id = ${userId}`);

/** An organization with one of each kind. */
async function organization() {
  const owner = await world.person();
  const orgId = await world.organization(owner);
  return { orgId, owner, manager: await world.manager(orgId), member: await world.member(orgId) };
}

describe('names', () => {
  test('are trimmed only at both ends', async () => {
    const person = await world.person();
    await update(person, { firstName: ' \t Anna  Maria\u00A0', lastName: '\u3000de la\u200Dcroix ' });
    const expected = { firstName: 'Anna  Maria', lastName: 'de la\u200Dcroix' };
    expect((await read(person)).json()).toMatchObject(expected);
  });

  test.each(['\u200B', '\u200B\u2060', '\uFEFF', '\u00AD', '\u2800', '\u3164', '\u202E', ' \u200D '])(
    'names of invisible characters only (%j) are refused',
    async (name) => {
      const person = await world.person();
      const response = await update(person, { firstName: name, lastName: `${name}\u200B` });
      expect(Object.keys(faults(response))).toEqual(['/body/firstName', '/body/lastName']);
    },
  );

  test('a last name can be reset to empty, as a provider left it', async () => {
    const person = await world.person();
    for (const lastName of ['', '  ']) {
      expect((await update(person, { lastName })).statusCode).toBe(200);
      expect((await read(person)).json()).toMatchObject({ lastName: '', displayName: 'Jon' });
    }
    expect(Object.keys(faults(await update(person, { firstName: '' })))).toEqual(['/body/firstName']);
  });

  test.each<[what: string, method: 'POST' | 'PUT', path: string, body: (name: string) => object, pointer: string]>([
    ['a machine user', 'POST', 'machine-users', (userName) => ({ userName }), '/body/userName'],
    [
      'a provider',
      'POST',
      'idps/oidc',
      (name) => ({ name, issuer: 'https://sso.example.com', clientId: 'x', clientSecret: 'x' }),
      '/body/name',
    ],
    [
      'a predefined role',
      'POST',
      'predefined-roles',
      (displayName) => ({ roles: [{ key: 'x', displayName, allowedPermissions: [] }] }),
      '/body/roles/0/displayName',
    ],
    [
      'an organization',
      'POST',
      'organizations/setup',
      (orgName) => ({ orgName, adminFirstName: 'A', adminLastName: 'B', adminEmail: 'a@example.com' }),
      '/body/orgName',
    ],
  ])('names of %s show something', async (_what, method, path, body, pointer) => {
    for (const name of ['', ' ', '\u200B', '\u2800\uFEFF', 'two\nlines']) {
      const response = await world.call(method, `/v1/authorization/${path}`, {
        token: world.admin.token,
        body: body(name),
      });
      expect(Object.keys(faults(response))).toEqual([pointer]);
    }
  });

  test('names of machine users are trimmed', async () => {
    const { token } = world.admin;
    const machines = '/v1/authorization/machine-users';
    await world.call('POST', machines, { token, body: { userName: '  spaced robot ' } });
    const { machineUsers } = (await world.call('GET', `${machines}?pageSize=100`, { token })).json<{
      machineUsers: { userName: string }[];
    }>();
    expect(machineUsers.map(({ userName }) => userName)).toContain('spaced robot');
  });
});

describe('a user is read', () => {
  test('nobody outside the organization can read a user', async () => {
    const [one, other] = [await organization(), await organization()];
    const elsewhere = await createWorld(app);
    const strangers = [await world.person(), other.owner, other.manager, other.member];
    for (const stranger of strangers) {
      expect(problem(await read(one.member, stranger))).toBe('404 user_not_found');
    }
    expect(problem(await read(one.owner, one.member))).toBe('404 user_not_found');
    expect(problem(await read(one.member, elsewhere.admin))).toBe('401 unauthenticated');
    expect(problem(await read(await elsewhere.person()))).toBe('404 user_not_found');
    expect(problem(await read(await elsewhere.person(), await world.machine()))).toBe('404 user_not_found');
    expect(problem(await world.call('GET', urlOf(one.member)))).toBe('401 unauthenticated');
  });

  test.each(['abc', '-1', '1e3', '12345678901234567890', '9999999999999999999'])('id %s is refused', async (userId) => {
    expect(problem(await read({ userId }))).toBe('400 validation_failed');
  });

  test('users themselves, super admins and machines read the whole user', async () => {
    const person = await world.person();
    await update(person, { phoneNumber: '+4915112345678', metadata: { plan: 'pro' } });
    const whole = {
      id: person.userId,
      firstName: 'Jon',
      lastName: 'Doe',
      displayName: 'Jon Doe',
      phoneNumber: '+4915112345678',
      email: person.email,
      isEmailVerified: true,
      isEmailClaimed: true,
      isPhoneVerified: false,
      userState: 'ACTIVE',
    };
    for (const caller of [person, world.admin, await world.machine()]) {
      const bare = await read(person, caller);
      expect(bare.statusCode).toBe(200);
      expect(bare.json()).toEqual(whole);
      const full = await read(person, caller, '?includeMetadata=true');
      expect(full.json()).toEqual({ ...whole, metadata: { plan: 'pro' } });
    }
  });

  test("owners and managers of the user's organization read no phone number and no metadata", async () => {
    const { owner, manager, member } = await organization();
    await update(member, { phoneNumber: '+4915112345678' });
    for (const caller of [owner, manager]) {
      expect((await read(member, caller)).json()).toEqual({
        id: member.userId,
        firstName: 'Jon',
        lastName: 'Doe',
        displayName: 'Jon Doe',
        email: member.email,
        isEmailVerified: true,
        isEmailClaimed: true,
        userState: 'ACTIVE',
      });
      expect(problem(await read(member, caller, '?includeMetadata=true'))).toBe('403 access_denied');
    }
    expect((await read(owner, owner, '?includeMetadata=true')).json()).toHaveProperty('metadata');
  });

  test.each(['INACTIVE', 'INVITED'])('a user with the state %s is read', async (state) => {
    const person = await world.person();
    await app.db.query(
      sql`UPDATE users SET state = ${state}, password_hash = NULL, claimed_by = NULL WHERE id = ${person.userId}`,
    );
    expect((await read(person)).json()).toMatchObject({ userState: state });
  });
});

describe('an update of a user is refused', () => {
  test('an update is refused to everyone but the users themselves, super admins and machines', async () => {
    const { owner, manager, member } = await organization();
    const before = (await read(member)).json<object>();
    const body = { firstName: 'Eve' };
    expect(problem(await world.call('PUT', urlOf(member), { body }))).toBe('401 unauthenticated');
    expect(problem(await update(member, body, await world.person()))).toBe('404 user_not_found');
    expect(problem(await update(owner, body, member))).toBe('404 user_not_found');
    expect(problem(await update(member, body, owner))).toBe('403 access_denied');
    expect(problem(await update(member, body, manager))).toBe('403 access_denied');
    expect(problem(await update({ userId: '1' }, body))).toBe('404 user_not_found');
    expect((await read(member)).json()).toEqual(before);
  });

  test('an update by a machine is refused when the user is a super admin', async () => {
    const machine = await world.machine();
    const events = (await world.events()).length;
    expect(problem(await update(world.admin, { firstName: 'Eve' }, machine))).toBe('403 access_denied');
    expect((await read(world.admin)).json()).toMatchObject({ firstName: 'Super' });
    expect(await world.events()).toHaveLength(events);
  });

  test.each<[what: string, body: unknown, pointer: string]>([
    ['an empty name', { firstName: '' }, '/body/firstName'],
    ['null for a name', { lastName: null }, '/body/lastName'],
    ['a malformed phone number', { phoneNumber: '015112345678' }, '/body/phoneNumber'],
    ['an unknown language', { language: 'fr' }, '/body/language'],
    ['another e-mail address', { email: 'eve@example.com' }, '/body/email'],
    ['a state', { userState: 'ACTIVE' }, '/body/userState'],
    ['a verified phone', { isPhoneVerified: true }, '/body/isPhoneVerified'],
    ['a password', { password: 'Password@123JonDoeInc' }, '/body/password'],
    ['null for metadata', { metadata: null }, '/body/metadata'],
    ['a number in metadata', { metadata: { a: 1 } }, '/body/metadata/a'],
    [
      '101 keys of metadata, all removed',
      { metadata: Object.fromEntries(Array.from({ length: 101 }, (_, index) => [index, null])) },
      '/body/metadata',
    ],
    ['an object in metadata', { metadata: { 'a/b': {} } }, '/body/metadata/a~1b'],
  ])('an update with %s is refused', async (_, body, pointer) => {
    const person = await world.person();
    const response = await update(person, body, person);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test('an update of a key that only backends may write is refused, whether set or removed', async () => {
    const person = await world.person();
    const { token } = await world.machine();
    expect((await update(person, { metadata: { 'app:plan': 'pro' } }, { token })).statusCode).toBe(200);
    for (const value of ['enterprise', null]) {
      const response = await update(person, { firstName: 'Eve', metadata: { 'app:plan': value } }, person);
      expect(problem(response)).toBe('403 metadata_key_reserved');
    }
    expect(await metadataOf(person)).toEqual({ 'app:plan': 'pro' });
    expect((await read(person)).json()).toMatchObject({ firstName: 'Jon' });
    expect((await update(person, { metadata: { 'app:plan': null } }, world.admin)).statusCode).toBe(200);
    expect(await metadataOf(person)).toEqual({});
  });
});

describe('an update of a user', () => {
  test('returns the message, for themselves, super admins and machines', async () => {
    const person = await world.person();
    for (const [index, caller] of [person, world.admin, await world.machine()].entries()) {
      const response = await update(person, { firstName: `Name ${index}` }, caller);
      expect(response.json()).toEqual({ message: 'User updated' });
      expect(response.statusCode).toBe(200);
      expect((await read(person)).json()).toMatchObject({ firstName: `Name ${index}`, lastName: 'Doe' });
    }
  });

  test('keeps absent fields, clears those that are null', async () => {
    const person = await world.person();
    await update(person, { phoneNumber: '+4915112345678', language: 'ar' });
    await update(person, { lastName: 'Smith' });
    expect((await read(person)).json()).toMatchObject({ phoneNumber: '+4915112345678', displayName: 'Jon Smith' });
    await update(person, { phoneNumber: null, language: null });
    expect((await read(person)).json()).toMatchObject({ phoneNumber: null, displayName: 'Jon Smith' });
    const [row] = await app.db.query(sql`SELECT phone_number, language FROM users WHERE id = ${person.userId}`);
    expect(row).toEqual({ phone_number: null, language: null });
  });

  test('only an update that changes the phone number makes it unverified', async () => {
    const person = await world.person();
    const isVerified = async () => (await read(person)).json<{ isPhoneVerified: boolean }>().isPhoneVerified;
    await update(person, { phoneNumber: '+4915112345678' });
    await setPhoneVerified(person);
    await update(person, { phoneNumber: '+4915112345678', firstName: 'Jonathan' });
    expect(await isVerified()).toBe(true);
    await update(person, { phoneNumber: '+4915112345679' });
    expect(await isVerified()).toBe(false);
    await setPhoneVerified(person);
    await update(person, { phoneNumber: null });
    expect(await isVerified()).toBe(false);
  });

  test('an update of nothing changes nothing and is not recorded in the audit', async () => {
    const person = await world.person();
    const events = (await world.events()).length;
    for (const body of [{}, { metadata: {} }]) expect((await update(person, body, person)).statusCode).toBe(200);
    expect(await world.events()).toHaveLength(events);
  });

  test('records names in the audit, never values', async () => {
    const person = await world.person();
    await update(person, { firstName: 'Secretive', metadata: { plan: 'secret value' } }, person);
    const event = (await world.events()).at(-1);
    expect(event).toMatchObject({ action: 'user.updated', actor: `user ${person.userId}` });
    expect(event?.changes).toEqual(['firstName', 'metadata.plan']);
  });
});

describe('metadata of a user', () => {
  const keys = (from: number, to: number) =>
    Object.fromEntries(Array.from({ length: to - from }, (_, index) => [`key${from + index}`, 'value']));

  test('merges: sets, keeps, removes', async () => {
    const person = await world.person();
    await update(person, { metadata: { a: '1', b: '2' } }, person);
    await update(person, { metadata: { b: '3', c: '', unknown: null } }, person);
    expect(await metadataOf(person)).toEqual({ a: '1', b: '3', c: '' });
    await update(person, { metadata: { a: null } }, person);
    expect(await metadataOf(person)).toEqual({ b: '3', c: '' });
  });

  test('has at most 30 items; a request for more changes nothing', async () => {
    const person = await world.person();
    expect((await update(person, { metadata: keys(0, 30) }, person)).statusCode).toBe(200);
    const refused = await update(person, { firstName: 'Eve', metadata: { key0: 'new', key30: 'value' } }, person);
    expect(problem(refused)).toBe('400 metadata_limit_exceeded');
    expect(await metadataOf(person)).toEqual(keys(0, 30));
    expect((await read(person)).json()).toMatchObject({ firstName: 'Jon' });
    expect((await update(person, { metadata: { key0: null, key30: 'value' } }, person)).statusCode).toBe(200);
    expect(await metadataOf(person)).toEqual(keys(1, 31));
  });

  test('has at most 30 items under concurrent writers too', async () => {
    const person = await world.person();
    const attempts = Array.from({ length: 40 }, (_, index) => update(person, { metadata: keys(index, index + 1) }));
    const statuses = (await Promise.all(attempts)).map(({ statusCode }) => statusCode);
    expect(statuses.filter((status) => status === 200)).toHaveLength(30);
    expect(statuses.filter((status) => status === 400)).toHaveLength(10);
    expect(Object.keys(await metadataOf(person))).toHaveLength(30);
  });
});
