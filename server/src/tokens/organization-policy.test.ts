import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { addTo } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { introspected, keysOf, type MadeKey, organizationKey, personalKey } from '../test/world/api-keys.ts';
import { withStatus } from '../test/world/answers.ts';
import { enrol, factorsUrl, type OwnFactor } from '../test/world/factors.ts';
import { proveFactor, setOrganizationPolicy, weakSession } from '../test/world/policies.ts';
import { createWorld, type Machine, type Person, problem, type World } from '../test/world/world.ts';

const audience = 'http://127.0.0.1:3000';
let app: TestApp;
let world: World;
let machine: Machine;
let owner: Person;
let factor: OwnFactor;
let orgId: string;
let nextDoor: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app, { settings: { audiences: [audience] } });
  machine = await world.machine();
  owner = await world.person();
  orgId = await world.organization(owner);
  nextDoor = await world.organization(owner);
  for (const id of [orgId, nextDoor]) await addTo({ world, orgId: id }, owner.userId, 'reader');
  factor = await enrol(world, owner);
});
afterAll(() => app?.close());

const required = { mfa: 'required' } as const;
const stepUpRequired = { acr: 'urn:gatehouse:acr:2', by: 'organization' };
const askFor = ({ token }: { token: string }, organizationId?: string) =>
  world.call('POST', '/v1/authentication/users/me/access-token', { token, body: { organizationId } });
const tokenOf = async (who: Person, organizationId?: string) =>
  withStatus(200, await askFor(who, organizationId)).json<{ token: string }>().token;
const say = (credential: string) => introspected(world, machine, credential);
/** Runs with this policy of the first organization. */
async function under(policy: Parameters<typeof setOrganizationPolicy>[2], work: () => Promise<void>) {
  await setOrganizationPolicy(world, orgId, policy);
  await work();
  await setOrganizationPolicy(world, orgId, null);
}

describe('access tokens', () => {
  test('can be created only by sessions that meet the policy of their organization', async () => {
    const weak = await weakSession(world, owner);
    await under(required, async () => {
      const refused = await askFor(weak, orgId);
      expect([problem(refused), refused.headers['www-authenticate']]).toEqual([
        '401 step_up_required',
        'Bearer error="insufficient_user_authentication", acr_values="urn:gatehouse:acr:2"',
      ]);
      expect((await askFor(weak, nextDoor)).statusCode).toBe(200);
      expect((await askFor(weak)).statusCode).toBe(200);
      expect((await askFor(owner, orgId)).statusCode).toBe(200);
      expect(problem(await askFor(await world.person(), orgId))).toBe('404 organization_not_found');
    });
  });

  test('an access token of a super admin is not exempt', async () => {
    await addTo({ world, orgId }, world.admin.userId, 'reader');
    await under(required, async () => {
      expect(problem(await askFor(world.admin, orgId))).toBe('401 step_up_required');
    });
  });

  test('access tokens from before the policy are described without the rights in them', async () => {
    const weak = await weakSession(world, owner);
    const [old, elsewhere, strong] = [
      await tokenOf(weak, orgId),
      await tokenOf(weak, nextDoor),
      await tokenOf(owner, orgId),
    ];
    await under(required, async () => {
      const rights = { org_roles: [], org_manager_roles: [], permissions: [], stepUpRequired };
      expect(await say(old)).toMatchObject({ active: true, org_id: orgId, ...rights });
      for (const token of [elsewhere, strong]) {
        const described = await say(token);
        expect(described).toMatchObject({ active: true });
        expect(described).not.toHaveProperty('stepUpRequired');
        expect(described).not.toHaveProperty('permissions');
      }
    });
    expect(await say(old)).not.toHaveProperty('stepUpRequired');
  });

  test('access tokens without or with an organization do not act there below the policy', async () => {
    const weak = await weakSession(world, owner);
    const tokens = [await tokenOf(weak, orgId), await tokenOf(weak)];
    await under(required, async () => {
      for (const token of tokens) {
        const url = `/v1/authorization/organizations/${orgId}`;
        const patched = await world.call('PATCH', url, { token, body: { metadata: { a: 'b' } } });
        expect(problem(patched)).toBe('401 step_up_required');
        const me = await world.call('GET', `/v1/authentication/users/me?organizationId=${orgId}`, { token });
        expect(me.json()).toMatchObject({ organizations: [{ roles: [], permissions: [], stepUpRequired }] });
      }
    });
  });

  test('need a recent authentication, if the policy limits its age', async () => {
    const young = await weakSession(world, owner);
    const token = await tokenOf(young, orgId);
    app.clock.advance(3_600_000 - 60_000);
    const kept = await tokenOf(young, orgId);
    await under({ maxSessionHours: 1 }, async () => {
      expect((await askFor(young, orgId)).statusCode).toBe(200);
      app.clock.advance(60_000);
      const refused = await askFor(young, orgId);
      expect([problem(refused), refused.headers['www-authenticate']]).toEqual([
        '401 reauthentication_required',
        'Bearer error="insufficient_user_authentication", max_age=3600',
      ]);
      expect(await say(token)).toEqual({ active: false });
      expect(await say(kept)).toMatchObject({
        permissions: [],
        stepUpRequired: { acr: 'urn:gatehouse:acr:1', by: 'organization', maxAgeSeconds: 3600 },
      });
      await world.reauthenticate(young);
      expect((await askFor(young, orgId)).statusCode).toBe(200);
    });
    await proveFactor(world, owner, factor);
  });
});

describe('API keys', () => {
  const permissionsOf = async ({ key }: MadeKey) => {
    const { permissions, stepUpRequired: missing } = await say(key);
    return [permissions, missing];
  };
  const reading = [['documents:reader'], undefined];
  const nothing = [[], stepUpRequired];
  const make = ({ token }: Person, organizationId: string) =>
    world.call('POST', '/v1/authentication/users/me/api-keys', {
      token,
      body: { name: 'key', organizationId, roles: ['reader'] },
    });

  /** Another owner of both organizations, who has no second factor: people who have one prove it for each new key. */
  async function ownerWithoutFactor(): Promise<Person> {
    const person = await world.person();
    const { email, userId } = person;
    for (const id of [orgId, nextDoor]) {
      const body = { email, firstName: 'Ada', lastName: 'Lovelace' };
      const url = `/v1/authorization/organizations/${id}/owners`;
      withStatus(201, await world.call('POST', url, { token: world.admin.token, body }));
      await addTo({ world, orgId: id }, userId, 'reader');
    }
    return person;
  }

  test('API keys of people are created only by sessions that meet the policy', async () => {
    const weak = await ownerWithoutFactor();
    await under(required, async () => {
      expect(problem(await make(weak, orgId))).toBe('401 step_up_required');
      expect((await make(weak, nextDoor)).statusCode).toBe(201);
      expect((await make(owner, orgId)).statusCode).toBe(201);
      const url = keysOf(orgId);
      const body = { name: 'key', roles: ['reader'] };
      expect(problem(await world.call('POST', url, { token: weak.token, body }))).toBe('401 step_up_required');
    });
  });

  test('record the authentication methods: those of weaker sessions have no permissions under a policy', async () => {
    const weak = await ownerWithoutFactor();
    const [weakOnes, strongOnes] = [
      [await personalKey(world, weak, orgId), await organizationKey(world, weak, orgId)],
      [await personalKey(world, owner, orgId), await organizationKey(world, owner, orgId)],
    ];
    const elsewhere = await personalKey(world, weak, nextDoor);
    for (const key of [...weakOnes, ...strongOnes]) expect(await permissionsOf(key)).toEqual(reading);
    await under({ ...required, maxSessionHours: 1 }, async () => {
      for (const key of weakOnes) expect(await permissionsOf(key)).toEqual(nothing);
      for (const key of [...strongOnes, elsewhere]) expect(await permissionsOf(key)).toEqual(reading);
      app.clock.advance(2 * 3_600_000);
      for (const key of strongOnes) expect(await permissionsOf(key)).toEqual(reading);
    });
    for (const key of weakOnes) expect(await permissionsOf(key)).toEqual(reading);
    await proveFactor(world, owner, factor);
  });

  test('API keys of a session whose factor was removed later have no permissions under a policy', async () => {
    const person = await ownerWithoutFactor();
    const own = await enrol(world, person);
    const removed = await world.call('DELETE', `${factorsUrl}/${own.id}`, { token: person.token });
    expect(removed.statusCode).toBe(204);
    const keys = [await personalKey(world, person, orgId), await organizationKey(world, person, orgId)];
    await under(required, async () => {
      for (const key of keys) expect(await permissionsOf(key)).toEqual(nothing);
    });
  });

  test('older API keys have no permissions under a policy, until an owner adopts them', async () => {
    const key = await organizationKey(world, owner, orgId);
    const own = await personalKey(world, owner, orgId);
    await app.db.query(sql`UPDATE api_keys SET amr = NULL WHERE app_id = ${world.appId}`);
    const weak = await weakSession(world, owner);
    await under(required, async () => {
      expect([await permissionsOf(key), await permissionsOf(own)]).toEqual([nothing, nothing]);
      const adopt = ({ token }: Person) => world.call('POST', `${keysOf(orgId)}/${key.id}/adopt`, { token });
      expect(problem(await adopt(weak))).toBe('401 step_up_required');
      expect(await permissionsOf(key)).toEqual(nothing);
      const before = (await world.events()).length;
      expect((await adopt(owner)).statusCode).toBe(200);
      expect((await world.events()).slice(before).map(({ action }) => action)).toEqual(['api_key.adopted']);
      expect(await permissionsOf(key)).toEqual(reading);
      expect((await adopt(owner)).statusCode).toBe(200);
      expect((await world.events()).length).toBe(before + 1);
    });
  });

  test('API keys of machine users are exempt, those of super admins are not', async () => {
    const url = keysOf(orgId);
    const body = { name: 'key', roles: ['reader'] };
    await world.reauthenticate();
    const [ofMachine, ofAdmin] = [
      withStatus(201, await world.call('POST', url, { token: await keyMaker(), body })).json<MadeKey>(),
      withStatus(201, await world.call('POST', url, { token: world.admin.token, body })).json<MadeKey>(),
    ];
    await under(required, async () => {
      expect(await permissionsOf(ofMachine)).toEqual(reading);
      expect(await permissionsOf(ofAdmin)).toEqual(nothing);
    });
  });

  const keyMaker = async (): Promise<string> => {
    const { machineUserId, clientSecret } = await world.machine();
    const scopes = ['members:write', 'api-keys:write'];
    await world.call('PATCH', `/v1/authorization/machine-users/${machineUserId}`, {
      token: world.admin.token,
      body: { scopes },
    });
    const exchange = { body: { clientId: machineUserId, clientSecret } };
    const response = await world.call('POST', '/v1/authentication/machine-users/access-token', exchange);
    return response.json<{ token: string }>().token;
  };
});
