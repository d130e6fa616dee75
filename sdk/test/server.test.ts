import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../../server/src/test/setup.ts';
import { setOrganizationPolicy } from '../../server/src/test/world/policies.ts';
import { createWorld, type Machine, type Person, password, type World } from '../../server/src/test/world/world.ts';
import { createBrowserClient } from '../src/browser.ts';
import { createRequireAuth } from '../src/express.ts';
import { AuthService, createClient, machineClient } from '../src/index.ts';
import { createWithAuth } from '../src/next.ts';
import { createAuthenticator, createTokenVerifier, InvalidTokenError } from '../src/server.ts';

const audience = 'https://api.example.com';
const elsewhere = 'https://elsewhere.example.com';
const issuerUrl = 'http://127.0.0.1:3000';

let test: TestApp;
let world: World;
let other: World;
let owner: Person;
let stranger: Person;
let machine: Machine;
let orgId: string;
let baseUrl: string;

beforeAll(async () => {
  test = await buildTestApp();
  baseUrl = await test.app.listen({ host: '127.0.0.1', port: 0 });
  world = await createWorld(test, { settings: { audiences: [audience, elsewhere], organizationMachineUsers: true } });
  other = await createWorld(test, { settings: { audiences: [audience] } });
  owner = await world.person();
  stranger = await world.person();
  orgId = await world.organization(owner);
  machine = await world.machine();
  const roles = [{ key: 'reader', displayName: 'Reader', allowedPermissions: ['documents:read'] }];
  await clientOf(owner).roles.update(orgId, { roles });
  await clientOf(owner).members.setRoles(orgId, owner.userId, { roles: ['reader'] });
});
afterAll(() => test?.close());

const place = () => ({ baseUrl, appName: world.appName });
const clientOf = (person: Person) => createClient({ ...place(), token: person.token });
const requestOf = (token?: string, headers: Record<string, string> = {}) =>
  new Request('https://api.example.com/', {
    headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  });

async function tokenOf(person: Person, of = world, organizationId?: string): Promise<string> {
  const client = createClient({ baseUrl, appName: of.appName, token: person.token });
  return (await client.tokens.createForMe({ audience, ...(organizationId && { organizationId }) })).token;
}
async function machineTokenOf(given: string | undefined): Promise<string> {
  const { clientSecret } = machine;
  const asked = { clientId: machine.machineUserId, clientSecret, ...(given !== undefined && { audience: [given] }) };
  return (await createClient(place()).tokens.requestForMachine(asked)).token;
}

describe('the client', () => {
  it('changes the metadata of an organization as its owner and as a machine', async () => {
    const changed = { message: 'Organization Data Updated' };
    const { machineUserId: clientId, clientSecret } = machine;
    const robot = machineClient({ ...place(), clientId, clientSecret });
    await expect(clientOf(owner).organizations.update(orgId, { metadata: { key1: 'value1' } })).resolves.toEqual(
      changed,
    );
    await expect(robot.organizations.update(orgId, { metadata: { key2: 'value2' } })).resolves.toEqual(changed);
    await expect(clientOf(stranger).organizations.update(orgId, { metadata: {} })).rejects.toMatchObject({
      code: 'organization_not_found',
    });
    const { metadata } = await robot.organizations.get(orgId, { includeMetadata: true });
    expect(metadata).toEqual({ key1: 'value1', key2: 'value2' });
  });

  it('reads all pages of a list', async () => {
    const emails: string[] = [];
    for await (const { email } of clientOf(owner).members.list.each(orgId, { pageSize: 1 })) emails.push(email);
    expect(emails).toEqual([owner.email]);
  });

  it('has the names of the documented client', async () => {
    const auth = new AuthService({ iamBaseUrl: baseUrl, iamAppName: world.appName });
    const { sessionToken } = await auth.signInByEmailPassword(stranger.email, password);
    expect(await auth.getUserDetails(sessionToken)).toMatchObject({ email: stranger.email });
    expect(await auth.getAppMetadata()).toHaveProperty('appName');
  });
});

describe('a verifier', () => {
  const verifierOf = (kind: 'machine' | 'user', of = world) => {
    const keys = { machine: '.well-known/jwks.json', user: 'oauth/jwks' }[kind];
    const keysUrl = `${baseUrl}/apps/${of.appName}/${keys}`;
    return createTokenVerifier({ baseUrl: issuerUrl, appName: of.appName, kind, audience, keysUrl });
  };

  it('takes tokens of its kind, app and audience', async () => {
    expect(await verifierOf('user')(await tokenOf(owner))).toMatchObject({ sub: owner.userId });
    expect(await verifierOf('machine')(await machineTokenOf(audience))).toMatchObject({ sub: machine.machineUserId });
  });

  it.each<[string, 'machine' | 'user', () => Promise<string> | string]>([
    ['a machine token where people are expected', 'user', () => machineTokenOf(audience)],
    ['a token of a person where machines are expected', 'machine', () => tokenOf(owner)],
    ['a token for this API', 'machine', () => machineTokenOf(undefined)],
    ['a token for another service', 'machine', () => machineTokenOf(elsewhere)],
    ['a token of another app', 'user', async () => tokenOf(await other.person(), other)],
    ['a session token', 'user', () => owner.token],
    ['nonsense', 'machine', () => 'a.b.c'],
    ['an unsigned token', 'user', () => `${btoa('{"alg":"none","typ":"at+jwt"}')}.${btoa('{}')}.`],
  ])('refuses %s', async (_, kind, given) => {
    await expect(verifierOf(kind)(await given())).rejects.toThrow(InvalidTokenError);
  });

  it('does not blame the token if keys cannot be fetched', async () => {
    const fetch = () => Promise.reject(new TypeError('fetch failed'));
    const verify = createTokenVerifier({ baseUrl: issuerUrl, appName: 'demo', kind: 'user', audience, fetch });
    await expect(verify(await tokenOf(owner))).rejects.toThrow('could not be fetched');
  });

  it('fetches the keys once for all who wait, and not for each unknown key id', async () => {
    let fetched = 0;
    const fetch: typeof globalThis.fetch = (input, init) => {
      fetched += 1;
      return globalThis.fetch(input, init);
    };
    const keysUrl = `${baseUrl}/apps/${world.appName}/oauth/jwks`;
    const verify = createTokenVerifier({ ...place(), baseUrl: issuerUrl, kind: 'user', audience, keysUrl, fetch });
    const token = await tokenOf(owner);
    await Promise.all(Array.from({ length: 5 }, () => verify(token)));
    const [, payload = '', signature = ''] = token.split('.');
    const forged = (number: number) => {
      const header = JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: `k${number}` });
      return `${Buffer.from(header).toString('base64url')}.${payload}.${signature}`;
    };
    for (let number = 0; number < 5; number += 1)
      await expect(verify(forged(number))).rejects.toThrow(InvalidTokenError);
    expect(fetched).toBe(1);
  });
});

describe('a protected server', () => {
  const authorize = (options = {}) => createAuthenticator({ ...place(), audience, issuerUrl, ...options });
  const reading = () => ({ organization: orgId, permission: 'documents:read' });

  it.each<[string, () => Promise<string> | string]>([
    ['a session token', () => owner.token],
    ['an access token', () => tokenOf(owner, world, orgId)],
  ])('lets a person with %s do what their role allows', async (_, given) => {
    const token = await given();
    expect(await authorize()(requestOf(token), reading())).toEqual({
      actor: {
        kind: 'user',
        userId: owner.userId,
        email: owner.email,
        emailVerified: true,
        organization: { id: orgId, roles: ['reader'], permissions: ['documents:read'] },
      },
    });
    const writing = { ...reading(), permission: 'documents:write' };
    expect(await authorize()(requestOf(token), writing)).toEqual({ refusal: { status: 403, code: 'access_denied' } });
  });

  it.each<[string, () => Promise<string | undefined> | string | undefined, number, object?]>([
    ['no token', () => undefined, 401],
    ['a token that nobody has', () => 'gh_s_nonsense', 401],
    ['a forged token', () => 'a.b.c', 401],
    ['the token of a stranger', () => stranger.token, 404],
    ['an access token without the organization', () => tokenOf(owner), 404],
    ['a machine where people are expected', () => machineTokenOf(audience), 403],
    ['a session where only JWTs are taken', () => owner.token, 401, { sessions: false }],
    ['a JWT where none is taken', () => tokenOf(owner), 401, { audience: undefined }],
    [
      'a session token while the service is away',
      () => owner.token,
      503,
      { baseUrl: 'http://127.0.0.1:1', retries: 0 },
    ],
  ])('refuses %s', async (_, given, status, options = {}) => {
    const outcome = await authorize(options)(requestOf(await given()), reading());
    expect(outcome).toMatchObject({ refusal: { status } });
  });

  it('never takes a fault of its own app name for one of the caller', async () => {
    const faults: unknown[] = [];
    const ask = authorize({ appName: 'no-such-app', onFault: (error: unknown) => faults.push(error) });
    expect(await ask(requestOf(owner.token), reading())).toMatchObject({ refusal: { status: 503 } });
    expect(await ask(requestOf(), reading())).toMatchObject({ refusal: { status: 401 } });
    expect(faults).toMatchObject([{ code: 'app_not_found' }]);
  });

  it('accepts machines if the route says so, and the cookie if the server says so', async () => {
    const token = await machineTokenOf(audience);
    expect(await authorize()(requestOf(token), { ...reading(), machines: true })).toEqual({
      actor: { kind: 'machine', machineUserId: machine.machineUserId },
    });
    const cookie = { cookie: `a=b; session-token=${owner.token}` };
    expect(await authorize()(requestOf(undefined, cookie))).toMatchObject({ refusal: { status: 401 } });
    expect(await authorize({ cookies: true })(requestOf(undefined, cookie))).toMatchObject({ actor: { kind: 'user' } });
  });

  describe('a request with the token of a machine user of the organization', () => {
    async function exporterToken() {
      const machines = clientOf(owner).organizationMachineUsers;
      const made = await machines.create(orgId, { userName: crypto.randomUUID(), roles: ['reader'] });
      const { machineUserId, clientId, clientSecret } = made;
      const asked = { clientId, clientSecret, audience: [audience] };
      return { machineUserId, token: (await createClient(place()).tokens.requestForMachine(asked)).token };
    }

    it('accepts it in its organization, with the permissions of its roles', async () => {
      const { machineUserId, token } = await exporterToken();
      const organization = { id: orgId, roles: ['reader'], permissions: ['documents:read'] };
      expect(await authorize()(requestOf(token), reading())).toEqual({
        actor: { kind: 'organization_machine', machineUserId, organization },
      });
    });

    it.each<[string, object | undefined, number]>([
      ['for another permission', { permission: 'documents:write' }, 403],
      ['for another organization', { organization: '1' }, 404],
      ['on a route for people', undefined, 403],
    ])('refuses it %s', async (_, requirement, status) => {
      const { token } = await exporterToken();
      const asked = requirement && { ...reading(), ...requirement };
      expect(await authorize()(requestOf(token), asked)).toMatchObject({ refusal: { status } });
    });
  });

  describe('a request with an API key', () => {
    const robot = () => {
      const { machineUserId: clientId, clientSecret } = machine;
      return machineClient({ ...place(), clientId, clientSecret });
    };
    const keyOf = (rights: { perMinute?: number } = {}) =>
      clientOf(owner).apiKeys.create(orgId, { name: 'export', permissions: ['documents:read'], ...rights });

    it('allows a key of the organization and a personal key what their permissions allow', async () => {
      const { key, id } = await keyOf();
      const organization = { id: orgId, permissions: ['documents:read'] };
      const ask = authorize({ apiKeys: robot() });
      expect(await ask(requestOf(key), reading())).toEqual({ actor: { kind: 'api_key', keyId: id, organization } });
      const mine = await clientOf(owner).apiKeys.createMine({ organizationId: orgId, name: 'mine', roles: ['reader'] });
      expect(await ask(requestOf(mine.key), reading())).toEqual({
        actor: { kind: 'api_key', keyId: mine.id, userId: owner.userId, organization },
      });
    });

    it('refuses sessions and keys below the security policy of the organization, also as mere members', async () => {
      const ask = authorize({ apiKeys: robot() });
      const { key } = await clientOf(owner).apiKeys.create(orgId, { name: 'weak', permissions: ['documents:read'] });
      const requirements = [{ organization: orgId }, reading()];
      for (const token of [owner.token, key]) {
        for (const requirement of requirements) {
          expect(await ask(requestOf(token), requirement)).toHaveProperty('actor');
        }
      }
      await setOrganizationPolicy(world, orgId, { mfa: 'required' });
      for (const token of [owner.token, key]) {
        for (const requirement of requirements) {
          const outcome = await ask(requestOf(token), requirement);
          expect(outcome).toMatchObject({ refusal: { status: 401, code: 'step_up_required' } });
        }
      }
      expect(await ask(requestOf(owner.token))).toHaveProperty('actor');
      await setOrganizationPolicy(world, orgId, null);
    });

    it('takes only sessions from the cookie, as the service does', async () => {
      const { key } = await keyOf();
      const ask = authorize({ cookies: true, apiKeys: robot() });
      const cookie = `session-token=${key}`;
      expect(await ask(requestOf(key), reading())).toMatchObject({ actor: { kind: 'api_key' } });
      expect(await ask(requestOf(undefined, { cookie }), reading())).toMatchObject({ refusal: { status: 401 } });
    });

    it.each<[string, object, number]>([
      ['for another permission', { permission: 'documents:write' }, 403],
      ['for another organization', { organization: '1' }, 404],
      ['where a route names none', { organization: undefined }, 404],
    ])('refuses it %s', async (_, requirement, status) => {
      const { key } = await keyOf();
      const outcome = await authorize({ apiKeys: robot() })(requestOf(key), { ...reading(), ...requirement });
      expect(outcome).toMatchObject({ refusal: { status } });
    });

    it('refuses it on a route for people', async () => {
      const { key } = await keyOf();
      expect(await authorize({ apiKeys: robot() })(requestOf(key))).toMatchObject({ refusal: { status: 403 } });
    });

    it('refuses one that is revoked, over its quota, or not taken', async () => {
      const ask = authorize({ apiKeys: robot() });
      const { key, id } = await keyOf({ perMinute: 1 });
      expect(await authorize()(requestOf(key), reading())).toMatchObject({ refusal: { status: 401 } });
      expect(await ask(requestOf(key), reading())).toMatchObject({ actor: { kind: 'api_key' } });
      expect(await ask(requestOf(key), reading())).toEqual({
        refusal: { status: 429, code: 'rate_limited', retryAfterSeconds: expect.any(Number) },
      });
      await clientOf(owner).apiKeys.revoke(orgId, id);
      expect(await ask(requestOf(key), reading())).toMatchObject({ refusal: { status: 401 } });
    });

    it('never takes the fault of its own credential for one of the caller', async () => {
      const { key } = await keyOf();
      const apiKeys = machineClient({ ...place(), clientId: machine.machineUserId, clientSecret: 'gh_m_wrong' });
      const faults: unknown[] = [];
      const ask = authorize({ apiKeys, onFault: (error: unknown) => faults.push(error) });
      expect(await ask(requestOf(key), reading())).toMatchObject({ refusal: { status: 503 } });
      expect(faults).toMatchObject([{ code: 'invalid_client' }]);
    });
  });

  it('shows the organizations in which the user has the permission', async () => {
    const outcome = await authorize()(requestOf(owner.token), { permission: 'documents:read' });
    expect(outcome).toMatchObject({ refusal: { status: 503 } });
  });

  it.each([
    ['organization', 404],
    ['permission', 503],
  ] as const)('refuses a request without the %s that a route requires', async (name, status) => {
    const requirement = { ...reading(), [name]: undefined };
    for (const token of [owner.token, await tokenOf(owner, world, orgId)])
      expect(await authorize()(requestOf(token), requirement)).toMatchObject({ refusal: { status } });
  });

  it('several different session cookies count as no cookie, as in the service', async () => {
    const ask = (cookie: string) => authorize({ cookies: true })(requestOf(undefined, { cookie }));
    const [mine, theirs] = [owner, stranger].map(({ token }) => `session-token=${token}`);
    expect(await ask(`${mine}; ${mine}`)).toMatchObject({ actor: { userId: owner.userId } });
    expect(await ask(`${theirs}; a=b; ${mine}`)).toMatchObject({ refusal: { status: 401 } });
    expect(await ask(`${mine};session-token=`)).toMatchObject({ refusal: { status: 401 } });
  });

  it.each(['..', 'x', '1/2', '', '1'.repeat(20)])(
    'has no organization %j, with any credential',
    async (organization) => {
      for (const token of [owner.token, await tokenOf(owner, world, orgId)])
        expect(await authorize()(requestOf(token), { organization })).toEqual({
          refusal: { status: 404, code: 'organization_not_found' },
        });
    },
  );

  it.each<[string, () => Promise<string> | string, () => Response]>([
    ['keys that are no key set', () => tokenOf(owner), () => Response.json({ message: 'maintenance' })],
    ['keys that the service cannot give', () => tokenOf(owner), () => Response.json({ keys: [] }, { status: 500 })],
    ['the 401 of a proxy', () => owner.token, () => new Response('Proxy authentication', { status: 401 })],
  ])('never takes %s for a fault of the caller', async (_, given, answer) => {
    const token = await given();
    const outcome = await authorize({ fetch: () => Promise.resolve(answer()), retries: 0 })(requestOf(token));
    expect(outcome).toMatchObject({ refusal: { status: 503 } });
  });

  it('is one middleware in Express', async () => {
    const requireAuth = createRequireAuth({ ...place(), audience, issuerUrl });
    const request = { headers: { authorization: `Bearer ${owner.token}` }, params: {} };
    const answers: unknown[] = [];
    const response = {
      setHeader: (...header: string[]) => answers.push(header),
      status: (status: number) => ({ json: (body: unknown) => answers.push([status, body]) }),
    };
    await requireAuth(reading())(request, response, (error) => answers.push(['next', error]));
    await requireAuth(reading())({ headers: {}, params: {} }, response, () => answers.push('next'));
    expect(answers).toEqual([
      ['next', undefined],
      [401, { code: 'unauthenticated' }],
    ]);
    expect(request).toHaveProperty('actor.userId', owner.userId);
  });

  it('is one wrapper in Next.js', async () => {
    const withAuth = createWithAuth({ ...place() });
    const handler = withAuth(reading(), (_, { actor }) => Response.json({ kind: actor.kind }));
    expect(await (await handler(requestOf(owner.token), {})).json()).toEqual({ kind: 'user' });
    expect((await handler(requestOf(stranger.token), {})).status).toBe(404);
  });
});

describe('a page', () => {
  it('never gets the access token of the person who was signed in before', async () => {
    const [first, second] = [await world.person(), await world.person()];
    let current = first.token;
    const page = createBrowserClient({ ...place(), sessionToken: () => current });
    const subject = async () => decodeJwt(await page.accessToken({ audience })).sub;
    expect(await subject()).toBe(first.userId);
    current = second.token;
    expect(await subject()).toBe(second.userId);
  });

  it('forgets access tokens when it signs in, by the cookie', async () => {
    const asked: string[] = [];
    const fetch = (input: string | URL | Request) => {
      asked.push(new URL(new Request(input).url).pathname.split('/').at(-1) ?? '');
      return Promise.resolve(Response.json({ token: `token-${asked.length}`, expiresInSeconds: 600 }));
    };
    const page = createBrowserClient({ ...place(), fetch });
    expect([await page.accessToken(), await page.accessToken()]).toEqual(['token-1', 'token-1']);
    await page.sessions.signIn({ email: 'jon@example.com', password });
    expect(await page.accessToken()).toBe('token-3');
    expect(asked).toEqual(['access-token', 'sessions', 'access-token']);
  });

  it('gets access tokens by the session, keeps them in memory, and is notified of the end once', async () => {
    const person = await world.person();
    let ends = 0;
    const onSignedOut = () => (ends += 1);
    const page = createBrowserClient({ ...place(), sessionToken: () => person.token, onSignedOut });
    const [token, same] = await Promise.all([page.accessToken({ audience }), page.accessToken({ audience })]);
    expect(same).toBe(token);
    const { session } = await page.users.me();
    await page.sessions.signOut(session.id);
    page.forget();
    await expect(page.accessToken({ audience })).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(page.users.me()).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(ends).toBe(1);
  });
});
