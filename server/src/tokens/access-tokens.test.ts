import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { recordingDb, type RecordingDb } from '../test/recording-db.ts';
import { publicUrl } from '../test/access-tokens.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

const url = '/v1/authentication/users/me/access-token';
const api = 'https://api.example.com';
const audiences = [api, publicUrl, 'https://other.example.com'];

let db: RecordingDb;
let app: TestApp;
let world: World;
let person: Person;
let orgId: string;

beforeAll(async () => {
  db = recordingDb(await openTestDatabase());
  app = await buildTestApp({ db });
  world = await createWorld(app, { settings: { audiences } });
  person = await world.person();
  orgId = await world.organization(person);
});
afterAll(() => app?.close());

const request = (body: object = {}, { token }: Pick<Person, 'token'> = person, of: World = world) =>
  of.call('POST', url, { token, body: { ...body } });
async function tokenOf(...attempt: Parameters<typeof request>): Promise<string> {
  const response = await request(...attempt);
  if (response.statusCode !== 200) throw new Error(response.body);
  return response.json<{ token: string }>().token;
}
const claimsOf = async (...attempt: Parameters<typeof request>) => decodeJwt(await tokenOf(...attempt));
const seconds = (time: Date) => Math.floor(time.getTime() / 1000);
const change = (settings: object, of: World = world) =>
  of.operate('PATCH', `/v1/platform/apps/${of.appName}`, { settings });

/** Gives a member roles that allow so many permissions of so many characters. */
async function memberWith(permissions: readonly string[], keys: readonly string[] = ['writer']): Promise<Person> {
  const member = await world.member(orgId);
  const roles = keys.map((key) => ({ key, displayName: key, allowedPermissions: permissions }));
  await world.call('PUT', `/v1/authorization/organizations/${orgId}/roles`, { token: person.token, body: { roles } });
  const put = `/v1/authorization/organizations/users/${member.userId}/roles`;
  const response = await world.call('PUT', put, { token: person.token, orgId, body: { roles: keys } });
  if (response.statusCode !== 200) throw new Error(response.body);
  return member;
}

describe('an access token', () => {
  test('is returned only with its lifetime, and cannot be cached', async () => {
    const response = await request();
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({
      token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      expiresInSeconds: 600,
    });
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.cookies).toEqual([]);
  });

  test('has these claims and this header, and no others', async () => {
    const token = await tokenOf();
    const { keys } = (await world.call('GET', `/apps/${world.appName}/oauth/jwks`, { app: null })).json<{
      keys: { kid: string }[];
    }>();
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: keys[0]?.kid });
    const iat = seconds(app.clock.now()) - 1;
    const [session] = await app.db.query<{ authenticated_at: Date }>(
      sql`SELECT authenticated_at FROM sessions WHERE id = ${person.sessionId}`,
    );
    expect(decodeJwt(token)).toEqual({
      iss: `${publicUrl}/apps/${world.appName}`,
      aud: api,
      sub: person.userId,
      client_id: world.appName,
      sid: person.sessionId,
      jti: expect.stringMatching(/^[\w-]{20,}$/),
      iat,
      nbf: iat - 60,
      exp: iat + 600,
      auth_time: seconds(session?.authenticated_at ?? new Date(0)),
      amr: ['pwd'],
      acr: 'urn:gatehouse:acr:1',
      email: person.email,
      email_verified: true,
      token_use: 'user',
    });
  });

  test('names the organization and the roles of the person there, if requested', async () => {
    const plain = await claimsOf();
    const member = await memberWith(['orders:read', 'orders:write']);
    expect(await claimsOf({ organizationId: orgId }, member)).toMatchObject({
      org_id: orgId,
      org_roles: ['writer'],
      org_manager_roles: [],
      permissions: ['orders:read', 'orders:write'],
    });
    const owned = await claimsOf({ organizationId: orgId });
    expect(Object.keys(owned).filter((name) => !(name in plain))).toEqual([
      'org_id',
      'org_manager_roles',
      'org_roles',
      'permissions',
    ]);
    expect(owned).toMatchObject({ org_manager_roles: ['ORG_OWNER'], org_roles: [], permissions: [] });
  });

  test('says that an address is verified only if the account is claimed', async () => {
    const unclaimed = await world.person();
    await app.db.query(sql`UPDATE users SET claimed_by = NULL WHERE id = ${unclaimed.userId}`);
    expect((await claimsOf({}, unclaimed))['email_verified']).toBe(false);
    expect((await claimsOf({}, await world.person({ verified: false })))['email_verified']).toBe(false);
  });

  test.each([
    [4096, true],
    [4097, false],
  ])('lists permissions of %i bytes: %s', async (bytes, isListed) => {
    // The list as JSON: brackets, quotes, commas, and characters of two bytes each.
    const names = Array.from({ length: 20 }, (_, index) => `${String(index).padStart(3, '0')}${'é'.repeat(98)}`);
    const length = Buffer.byteLength(JSON.stringify(names));
    const last = 'x'.repeat(bytes - length - 3);
    const member = await memberWith(last === '' ? names : [...names, last.slice(0, 190)]);
    const claims = await claimsOf({ organizationId: orgId }, member);
    const size = Buffer.byteLength(JSON.stringify(claims['permissions'] ?? [...names, last]));
    expect([size, 'permissions' in claims, claims['permissions_truncated']]).toEqual([
      bytes,
      isListed,
      isListed ? undefined : true,
    ]);
  });

  test('fits into a header of 8 KiB, for every list of rights', async () => {
    const keys = Array.from({ length: 40 }, (_, index) => `role-${String(index).padStart(2, '0')}-${'k'.repeat(50)}`);
    const permissions = Array.from({ length: 19 }, (_, index) => `${index}:${'p'.repeat(180)}`);
    const member = await memberWith(permissions, keys);
    const token = await tokenOf({ organizationId: orgId }, member);
    expect(token.length).toBeLessThan(8000);
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ org_roles_truncated: true });
    expect('org_roles' in claims).toBe(false);
    expect(claims['roles']).toBeUndefined();
    const use = await world.call('GET', '/v1/authentication/users/me', {
      token: await tokenOf({ audience: publicUrl, organizationId: orgId }, member),
    });
    expect(use.statusCode).toBe(200);
  });

  test('lasts as long as the app sets and never longer than the session', async () => {
    const elsewhere = await createWorld(app, {
      settings: { audiences, accessTokenLifeSeconds: 3600, sessionLifeSeconds: 1000, sessionIdleSeconds: 900 },
    });
    const short = await elsewhere.person();
    const lifeOf = async () => {
      const response = await request({}, short, elsewhere);
      const { token, expiresInSeconds } = response.json<{ token: string; expiresInSeconds: number }>();
      const { exp = 0, iat = 0 } = decodeJwt(token);
      expect(expiresInSeconds).toBe(exp - iat);
      return exp - seconds(elsewhere.test.clock.now());
    };
    // The idle end, which this use moves.
    expect(await lifeOf()).toBeLessThanOrEqual(900);
    app.clock.advance(800_000);
    expect(await lifeOf()).toBeLessThanOrEqual(200);
    expect(await lifeOf()).toBeGreaterThan(190);
    await change({ accessTokenLifeSeconds: 60, sessionLifeSeconds: 1000 }, elsewhere);
    expect(await lifeOf()).toBe(59);
  });

  test('takes two statements for any number of calls, the session and the content of the token', async () => {
    for (const body of [{}, { organizationId: orgId }]) {
      await request(body);
      db.take();
      await request(body);
      expect(db.take().map((statement) => statement.trim().slice(0, 6))).toEqual(['SELECT', 'SELECT']);
    }
  });
});

describe('an access token is refused', () => {
  test.each<[what: string, body: object, answer: string]>([
    ['for an audience that is not listed', { audience: 'https://evil.example.com' }, '400 audience_not_allowed'],
    ['for a part of a listed audience', { audience: 'https://api.example.co' }, '400 audience_not_allowed'],
    ['for an audience in another spelling', { audience: 'https://API.example.com' }, '400 audience_not_allowed'],
    ['for an organization that does not exist', { organizationId: '1' }, '404 organization_not_found'],
    ['for an audience list', { audience: [api] }, '400 validation_failed'],
    ['with an unknown field', { scope: 'all' }, '400 validation_failed'],
  ])('%s', async (_, body, answer) => {
    expect(problem(await request(body))).toBe(answer);
  });

  test('an access token for the name of the app, which means this API in machine tokens, is refused', async () => {
    expect(problem(await request({ audience: world.appName }))).toBe('400 audience_not_allowed');
    await world.reauthenticate();
    const response = await world.call('PATCH', `/v1/authorization/apps/settings`, {
      token: world.admin.token,
      body: { audiences: [api, world.appName] },
    });
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual(['/body/audiences/1']);
  });

  test('an access token is refused if the app lists no audience', async () => {
    const bare = await createWorld(app);
    const somebody = await bare.person();
    expect(problem(await request({}, somebody, bare))).toBe('400 audience_required');
    expect(problem(await request({ audience: api }, somebody, bare))).toBe('400 audience_required');
    await change({ audiences: [] });
    expect(problem(await request())).toBe('400 audience_required');
    await change({ audiences });
  });

  test('an access token for an organization that the person is not in is refused, also to a super admin', async () => {
    const stranger = await world.person();
    for (const who of [stranger, world.admin]) {
      expect(problem(await request({ organizationId: orgId }, who))).toBe('404 organization_not_found');
    }
  });

  test('an access token for a deactivated organization is refused', async () => {
    const closed = await world.organization(person);
    await world.call('POST', `/v1/authorization/organizations/${closed}/deactivate`, { token: world.admin.token });
    expect(problem(await request({ organizationId: closed }))).toBe('403 organization_inactive');
  });

  test('an access token is refused to a machine user', async () => {
    expect(problem(await request({}, await world.machine()))).toBe('403 human_required');
  });

  test('an access token for every audience is refused in exchange for an access token', async () => {
    for (const body of [{ audience: publicUrl }, { audience: publicUrl, organizationId: orgId }]) {
      expect(problem(await request({}, { token: await tokenOf(body) }))).toBe('401 session_required');
    }
  });
});

test('the settings limit the lifetime to 60 to 3600 seconds', async () => {
  for (const accessTokenLifeSeconds of [59, 3601]) {
    const response = await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, {
      settings: { accessTokenLifeSeconds },
    });
    expect(problem(response)).toBe('400 validation_failed');
  }
});

describe('the keys of an app of an earlier version', () => {
  const jwks = (of: World) => of.call('GET', `/apps/${of.appName}/oauth/jwks`, { app: null });
  async function withoutKeys(): Promise<World> {
    const old = await createWorld(app, { settings: { audiences } });
    await app.db.query(sql`DELETE FROM oauth_signing_keys WHERE app_id = ${old.appId}`);
    return old;
  }

  test.each(['the key set is read', 'tokens are asked for'])('are created once, when %s', async (what) => {
    const old = await withoutKeys();
    const somebody = await old.person();
    const answers = await Promise.all(
      [1, 2, 3].map(() => (what === 'the key set is read' ? jwks(old) : request({}, somebody, old))),
    );
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
    const { keys } = (await jwks(old)).json<{ keys: { kid: string }[] }>();
    expect(keys).toHaveLength(1);
    expect(decodeProtectedHeader(await tokenOf({}, somebody, old)).kid).toBe(keys[0]?.kid);
  });
});

describe('machine tokens', () => {
  test('are for every audience while the app lists none, and then for listed ones only', async () => {
    const bare = await createWorld(app);
    const machine = await bare.machine();
    const ask = (audience?: string | string[]) =>
      bare.call('POST', '/v1/authentication/machine-users/access-token', {
        body: { clientId: machine.machineUserId, clientSecret: machine.clientSecret, audience },
      });
    expect((await ask('https://anything.example.com')).statusCode).toBe(200);
    await change({ audiences }, bare);
    expect(problem(await ask('https://anything.example.com'))).toBe('400 audience_not_allowed');
    expect(problem(await ask([api, 'https://anything.example.com']))).toBe('400 audience_not_allowed');
    expect((await ask([api, 'https://other.example.com'])).statusCode).toBe(200);
    expect((await ask()).statusCode).toBe(200);
  });
});
