import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decodeJwt } from 'jose';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, type Machine, problem, type World } from '../test/world/world.ts';

const url = '/v1/authorization/machine-users';
const organizations = '/v1/authorization/organizations?pageSize=1';

let app: TestApp;
let world: World;
let machine: Machine;

beforeAll(async () => void (app = await buildTestApp({ env: { TRUST_PROXY: '1' } })));
beforeEach(async () => {
  world = await createWorld(app);
  machine = await world.machine();
});
afterAll(() => app?.close());

const patch = (body: object, { machineUserId } = machine) =>
  world.call('PATCH', `${url}/${machineUserId}`, { token: world.admin.token, body: { ...body } });
const getToken = (body: object = {}, headers: Record<string, string> = {}) =>
  world.call('POST', '/v1/authentication/machine-users/access-token', {
    body: { clientId: machine.machineUserId, clientSecret: machine.clientSecret, ...body },
    headers,
  });
const newToken = async (body?: object) => (await getToken(body)).json<{ token: string }>().token;
const use = async (token: string, headers: Record<string, string> = {}) => {
  const response = await world.call('GET', organizations, { token, headers });
  return response.statusCode === 200 ? '200' : problem(response);
};

describe('a new machine user', () => {
  const create = async (body: object) =>
    world.call('POST', url, { token: world.admin.token, body: { userName: 'limited', ...body } });
  const listed = async (id: string) => {
    const response = await world.call('GET', `${url}?pageSize=100`, { token: world.admin.token });
    return response.json<{ machineUsers: { id: string }[] }>().machineUsers.find((one) => one.id === id);
  };

  test('has all scopes, every audience and network and the lifetime of the app by default', async () => {
    const unlimited = { allowedAudiences: null, allowedNetworks: null, tokenLifeSeconds: null };
    const { machineUserId } = (await create({})).json<Machine>();
    expect(await listed(machineUserId)).toMatchObject({ scopes: ['*'], ...unlimited });
    const limited = (await create({ userName: 'other', scopes: ['audit:read'] })).json<Machine>();
    expect(await listed(limited.machineUserId)).toMatchObject({ scopes: ['audit:read'], ...unlimited });
    const idle = (await create({ userName: 'idle', scopes: [] })).json<Machine>();
    expect(await listed(idle.machineUserId)).toMatchObject({ scopes: [], ...unlimited });
  });

  test.each([['members'], ['members:delete'], ['MEMBERS:READ'], ['**'], [''], ['members:read members:write']])(
    'cannot have the scope "%s"',
    async (scope) => {
      const response = await create({ scopes: ['audit:read', scope] });
      expect(problem(response)).toBe('400 validation_failed');
      expect(Object.keys(faults(response))).toEqual(['/body/scopes/1']);
    },
  );
});

describe('scopes', () => {
  test('apply from the next call, also for earlier tokens, and are named in new tokens', async () => {
    expect(await use(machine.token)).toBe('200');
    expect((await patch({ scopes: ['audit:read', 'members:read'] })).statusCode).toBe(200);
    expect(await use(machine.token)).toBe('403 insufficient_scope');
    const token = await newToken();
    expect(decodeJwt(token)['scope']).toBe('audit:read members:read');
    expect((await patch({ scopes: ['organizations:read'] })).statusCode).toBe(200);
    // The token has fewer scopes than the machine user, or more. The stored scopes decide.
    expect([await use(machine.token), await use(token)]).toEqual(['200', '200']);
    expect(decodeJwt(machine.token)['scope']).toBe('*');
    expect((await patch({ scopes: [] })).statusCode).toBe(200);
    expect([await use(machine.token), decodeJwt(await newToken())['scope']]).toEqual([
      '403 insufficient_scope',
      undefined,
    ]);
  });

  test('are returned by introspection', async () => {
    const asker = await world.machine();
    await patch({ scopes: ['audit:read'] });
    const response = await world.call('POST', '/v1/authentication/token/introspection', {
      token: asker.token,
      body: { token: machine.token },
    });
    expect(response.json()).toMatchObject({ active: true, kind: 'machine', scope: 'audit:read' });
  });

  test('missing scopes are denied in the audit, whether or not the object exists', async () => {
    await patch({ scopes: ['audit:read'] });
    for (const id of [await world.organization(world.admin), '1']) {
      const response = await world.call('GET', `/v1/authorization/organizations/${id}`, { token: machine.token });
      expect(problem(response)).toBe('403 insufficient_scope');
    }
    const events = await world.call('GET', '/v1/authorization/audit-events?pageSize=10&action=access.denied', {
      token: world.admin.token,
    });
    expect(events.json<{ events: { actor: object }[] }>().events[0]?.actor).toEqual({
      kind: 'machine',
      id: machine.machineUserId,
    });
  });

  test('missing scopes of a machine user are reported before a fault in the request', async () => {
    await patch({ scopes: [] });
    const response = await world.call('GET', '/v1/authorization/organizations', { token: machine.token });
    expect(problem(response)).toBe('400 validation_failed');
  });
});

describe('networks', () => {
  const from = (address: string) => ({ 'x-forwarded-for': address });

  test('are those of the connection, for tokens and for calls', async () => {
    expect((await patch({ allowedNetworks: ['203.0.113.0/24', '2001:db8::/32'] })).statusCode).toBe(200);
    for (const address of ['203.0.113.7', '::ffff:203.0.113.7', '2001:db8::1']) {
      const response = await getToken({}, from(address));
      expect([address, response.statusCode]).toEqual([address, 200]);
      expect(await use(response.json<{ token: string }>().token, from(address))).toBe('200');
    }
    for (const address of ['203.0.114.7', '2001:db9::1', '127.0.0.1', 'unknown']) {
      expect([address, problem(await getToken({}, from(address)))]).toEqual([address, '403 network_not_allowed']);
      expect([address, await use(machine.token, from(address))]).toEqual([address, '403 network_not_allowed']);
    }
  });

  describe('networks of one family admit no addresses of the other:', () => {
    const [ipv4, ipv6] = ['203.0.113.7', '2001:db8::1'];
    test.each<[networks: string[], admitted: string[], refused: string[]]>([
      [['::/0'], [ipv6, '::1'], [ipv4, `::ffff:${ipv4}`]],
      [
        ['::/80', '::/1'],
        ['::1', ipv6],
        [ipv4, `::ffff:${ipv4}`],
      ],
      [['::ffff:0:0/96'], [], [ipv4, `::ffff:${ipv4}`, ipv6]],
      [['0.0.0.0/0'], [ipv4, `::ffff:${ipv4}`], [ipv6, '::1', '::']],
      [['0.0.0.0/0', '::/0'], [ipv4, `::ffff:${ipv4}`, ipv6], []],
      [['::ffff:203.0.113.0/120'], [ipv4, `::ffff:${ipv4}`], ['203.0.114.7', ipv6]],
      [['::ffff:203.0.113.7'], [ipv4], ['203.0.113.8']],
    ])('%j', async (allowedNetworks, admitted, refused) => {
      expect((await patch({ allowedNetworks })).statusCode).toBe(200);
      const outcomes = async (addresses: string[]) =>
        Promise.all(addresses.map((address) => use(machine.token, from(address))));
      expect(await outcomes(admitted)).toEqual(admitted.map(() => '200'));
      expect(await outcomes(refused)).toEqual(refused.map(() => '403 network_not_allowed'));
    });
  });

  test('are never taken from the headers about an end user', async () => {
    const settings = { trustedBackends: ['198.51.100.1'] };
    await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { settings });
    await patch({ allowedNetworks: ['203.0.113.0/24'] });
    const spoofed = { ...from('198.51.100.1'), 'x-end-user-ip': '203.0.113.7' };
    expect(problem(await getToken({}, spoofed))).toBe('403 network_not_allowed');
    expect(await use(machine.token, spoofed)).toBe('403 network_not_allowed');
    const honest = { ...from('203.0.113.7'), 'x-end-user-ip': '198.51.100.9' };
    expect(await use(machine.token, honest)).toBe('200');
  });

  test('are hidden from callers without the secret', async () => {
    await patch({ allowedNetworks: ['203.0.113.0/24'] });
    expect(problem(await getToken({ clientSecret: `${machine.clientSecret}x` }))).toBe('401 invalid_client');
  });
});

describe('audiences', () => {
  test('limit which other services tokens are for, but not this API', async () => {
    const [billing, mail] = ['https://billing.example.com', 'https://mail.example.com'];
    await patch({ allowedAudiences: [billing] });
    expect((await getToken({ audience: billing })).statusCode).toBe(200);
    for (const audience of [mail, [billing, mail]]) {
      expect(problem(await getToken({ audience }))).toBe('400 audience_not_allowed');
    }
    expect(await use(await newToken())).toBe('200');
    await patch({ allowedAudiences: [] });
    expect(problem(await getToken({ audience: billing }))).toBe('400 audience_not_allowed');
    await patch({ allowedAudiences: null });
    expect((await getToken({ audience: mail })).statusCode).toBe(200);
  });

  test('have to be listed by the app as well, if it lists any', async () => {
    const [billing, mail] = ['https://billing.example.com', 'https://mail.example.com'];
    await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { settings: { audiences: [billing] } });
    await patch({ allowedAudiences: [billing, mail] });
    expect((await getToken({ audience: billing })).statusCode).toBe(200);
    expect(problem(await getToken({ audience: mail }))).toBe('400 audience_not_allowed');
  });
});

test("the lifetime of a machine user's token precedes the lifetime of the app", async () => {
  const lifeOf = async () => (await getToken()).json<{ expiresInSeconds: number }>().expiresInSeconds;
  await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { settings: { machineTokenLifeSeconds: 3600 } });
  expect(await lifeOf()).toBe(3600);
  await patch({ tokenLifeSeconds: 300 });
  expect(await lifeOf()).toBe(300);
  await patch({ tokenLifeSeconds: null });
  expect(await lifeOf()).toBe(3600);
});

describe('a change is refused', () => {
  test.each<[body: object, pointer: string]>([
    [{}, '/body'],
    [{ userName: '' }, '/body/userName'],
    [{ scopes: ['all'] }, '/body/scopes/0'],
    [{ scopes: null }, '/body/scopes'],
    [{ allowedNetworks: [] }, '/body/allowedNetworks'],
    [{ allowedNetworks: ['10.0.0.0/33'] }, '/body/allowedNetworks/0'],
    [{ allowedNetworks: ['example.com'] }, '/body/allowedNetworks/0'],
    [{ allowedAudiences: [''] }, '/body/allowedAudiences/0'],
    [{ tokenLifeSeconds: 299 }, '/body/tokenLifeSeconds'],
    [{ tokenLifeSeconds: 43_200 }, '/body/tokenLifeSeconds'],
    [{ scopes: ['*'], clientSecret: 'x' }, '/body/clientSecret'],
  ])('a change with %j is refused', async (body, pointer) => {
    const response = await patch(body);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
  });

  test('a change with the name of the app as audience is refused', async () => {
    const response = await patch({ allowedAudiences: ['https://billing.example.com', world.appName] });
    expect(Object.keys(faults(response))).toEqual(['/body/allowedAudiences/1']);
  });

  test('a change to a taken name, or of an unknown machine user, is refused', async () => {
    await world.machine('taken');
    expect(problem(await patch({ userName: 'TAKEN' }))).toBe('409 machine_user_name_taken');
    expect(problem(await patch({ scopes: [] }, { ...machine, machineUserId: '1' }))).toBe('404 machine_user_not_found');
    const elsewhere = await createWorld(app);
    expect(problem(await patch({ scopes: [] }, await elsewhere.machine()))).toBe('404 machine_user_not_found');
  });

  test('a change by an old session is refused, unless each value is the stored one', async () => {
    app.clock.advance(601_000);
    expect(problem(await patch({ scopes: ['audit:read'] }))).toBe('401 reauthentication_required');
    expect((await patch({ scopes: ['*'], allowedNetworks: null })).statusCode).toBe(200);
    expect(problem(await patch({ scopes: ['*'], tokenLifeSeconds: 300 }))).toBe('401 reauthentication_required');
  });

  test.each(['machine-users:write', 'super-admins:read', 'users:vouch', 'password-hashes:read'])(
    'an old session cannot create a machine user with the scope %s',
    async (scope) => {
      app.clock.advance(601_000);
      const create = (scopes?: string[]) =>
        world.call('POST', '/v1/authorization/machine-users', {
          token: world.admin.token,
          body: { userName: `robot-${scope}-${scopes?.length ?? 0}`, ...(scopes && { scopes }) },
        });
      expect(problem(await create(['audit:read', scope]))).toBe('401 reauthentication_required');
      expect((await create()).statusCode).toBe(201);
      expect((await create(['audit:read'])).statusCode).toBe(201);
      await world.reauthenticate();
      expect((await create([scope, 'audit:read', 'users:read'])).statusCode).toBe(201);
    },
  );
});
