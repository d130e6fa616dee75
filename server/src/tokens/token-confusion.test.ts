import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose';
import { signJwt } from '../keys/jws.ts';
import { publicUrl } from '../test/access-tokens.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { organizationKey, personalKey } from '../test/world/api-keys.ts';
import type { OrganizationMachine } from '../test/world/machines.ts';
import { createWorld, type Machine, type Person, problem, type World } from '../test/world/world.ts';

const api = 'https://api.example.com';
const settings = { audiences: [api, publicUrl], organizationMachineUsers: true };

let app: TestApp;
let world: World;
let elsewhere: World;
let person: Person;
let machine: Machine;
let organizationMachine: OrganizationMachine;
let orgId: string;
/** A token of every kind, for every audience, of this app and of another. */
let tokens: Readonly<Record<string, string>>;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app, { settings });
  elsewhere = await createWorld(app, { settings });
  person = await world.person();
  orgId = await world.organization(person);
  machine = await world.machine();
  const member = await world.member(orgId);
  organizationMachine = await world.organizationMachine(orgId, { managerRoles: ['ORG_USER_MANAGER'] });
  const foreign = await elsewhere.person();
  const foreignOrgId = await elsewhere.organization(foreign);
  const foreignMachine = await elsewhere.machine();
  const foreignOrganizationMachine = await elsewhere.organizationMachine(foreignOrgId);
  tokens = {
    'machine, this API': machine.token,
    'machine, another service': await machineToken(world, machine, api),
    'machine, the origin of this service': await machineToken(world, machine, publicUrl),
    'machine of another app, this API': foreignMachine.token,
    'machine of another app, another service': await machineToken(elsewhere, foreignMachine, api),
    'person, this API': await personToken(world, person, { audience: publicUrl }),
    'person in an organization, this API': await personToken(world, person, {
      audience: publicUrl,
      organizationId: orgId,
    }),
    'person, another service': await personToken(world, person, { audience: api }),
    'person in an organization, another service': await personToken(world, person, {
      audience: api,
      organizationId: orgId,
    }),
    'person of another app, this API': await personToken(elsewhere, foreign, { audience: publicUrl }),
    'person of another app in an organization, another service': await personToken(elsewhere, foreign, {
      audience: api,
      organizationId: foreignOrgId,
    }),
    'organization machine, this API': await machineToken(world, organizationMachine),
    'organization machine, another service': await machineToken(world, organizationMachine, api),
    'organization machine of another app, this API': await machineToken(elsewhere, foreignOrganizationMachine),
    'organization machine of another app, another service': await machineToken(
      elsewhere,
      foreignOrganizationMachine,
      api,
    ),
    session: person.token,
    'API key of an organization': (await organizationKey(world, person, orgId)).key,
    'API key of a person': (await personalKey(world, member, orgId)).key,
  };
});
afterAll(() => app?.close());

async function machineToken(
  of: World,
  { machineUserId: clientId, clientSecret }: OrganizationMachine,
  audience?: string,
) {
  const body = { clientId, clientSecret, ...(audience !== undefined && { audience }) };
  const response = await of.call('POST', '/v1/authentication/machine-users/access-token', { body });
  return response.json<{ token: string }>().token;
}

async function personToken(of: World, { token }: Person, body: Record<string, unknown>) {
  const response = await of.call('POST', '/v1/authentication/users/me/access-token', { token, body });
  return response.json<{ token: string }>().token;
}

const keysAt = async (path: string) =>
  createLocalJWKSet((await world.call('GET', `/apps/${world.appName}${path}`, { app: null })).json<JSONWebKeySet>());

/** The tokens that a verifier accepts if it checks signature, issuer, audience and times. */
async function acceptedBy(path: string, audience: string): Promise<string[]> {
  const keys = await keysAt(path);
  const issuer = `${publicUrl}/apps/${world.appName}`;
  const isAccepted = (token: string) =>
    jwtVerify(token, keys, { issuer, audience, currentDate: app.clock.now() }).then(
      () => true,
      () => false,
    );
  const accepted: string[] = [];
  for (const [what, token] of Object.entries(tokens)) if (await isAccepted(token)) accepted.push(what);
  return accepted;
}

const use = async (token: string) => {
  const response = await world.call('GET', '/v1/authorization/organizations?pageSize=1', { token });
  return response.statusCode === 200 ? '200' : problem(response);
};

describe('a verifier as the guide shows it, with the keys of', () => {
  test.each<[set: string, path: string, audience: () => string, accepted: string[]]>([
    ['machine users, for itself', '/.well-known/jwks.json', () => api, ['machine, another service']],
    ['machine users, for this API', '/.well-known/jwks.json', () => world.appName, ['machine, this API']],
    [
      'machine users, for the origin of this service',
      '/.well-known/jwks.json',
      () => publicUrl,
      ['machine, the origin of this service'],
    ],
    [
      'people, for itself',
      '/oauth/jwks',
      () => api,
      [
        'person, another service',
        'person in an organization, another service',
        'organization machine, another service',
      ],
    ],
    [
      'people, for the origin of this service',
      '/oauth/jwks',
      () => publicUrl,
      ['person, this API', 'person in an organization, this API', 'organization machine, this API'],
    ],
    ['people, for the name of the app', '/oauth/jwks', () => world.appName, []],
  ])('%s', async (_, path, audience, accepted) => {
    expect(await acceptedBy(path, audience())).toEqual(accepted);
  });
});

test('this API accepts exactly these', async () => {
  const own = new Set(['machine, this API', 'person, this API', 'person in an organization, this API', 'session']);
  for (const [what, token] of Object.entries(tokens)) {
    const isOrganizationMachine = what === 'organization machine, this API';
    const refusal = isOrganizationMachine ? '403 human_required' : '401 unauthenticated';
    expect([what, await use(token)]).toEqual([what, own.has(what) ? '200' : refusal]);
  }
});

test('tokens of the second key set never have the claim that identifies machines', () => {
  for (const [what, token] of Object.entries(tokens)) {
    if (!what.startsWith('person') && !what.startsWith('organization machine')) continue;
    const { roles, sid, secret_id } = decodeJwt(token);
    expect([what, roles]).toEqual([what, undefined]);
    expect([what, secret_id === undefined]).toEqual([what, sid !== undefined]);
  }
});

describe('a token that is signed with a key of ours is refused', () => {
  const claimsOf = (what: string): JWTPayload => decodeJwt(tokens[what] ?? '');
  const kidOf = (what: string): string => decodeProtectedHeader(tokens[what] ?? '').kid ?? '';
  const signBy = async (set: 'signingKeys' | 'oauthKeys', claims: JWTPayload, of: World = world) => {
    const kid = kidOf(
      of === world
        ? set === 'signingKeys'
          ? 'machine, this API'
          : 'person, this API'
        : set === 'signingKeys'
          ? 'machine of another app, this API'
          : 'person of another app, this API',
    );
    return signJwt(await app.services[set].privateKey(of.appId, kid), kid, claims);
  };

  test('unchanged tokens are accepted', async () => {
    expect(await use(await signBy('signingKeys', claimsOf('machine, this API')))).toBe('200');
    expect(await use(await signBy('oauthKeys', claimsOf('person, this API')))).toBe('200');
  });

  test('a token that is signed with a key of the other set is refused', async () => {
    expect(await use(await signBy('oauthKeys', claimsOf('machine, this API')))).toBe('401 unauthenticated');
    expect(await use(await signBy('signingKeys', claimsOf('person, this API')))).toBe('401 unauthenticated');
  });

  test('a token that is signed with a key of another app is refused, under its kid or ours', async () => {
    for (const [set, what] of [
      ['signingKeys', 'machine, this API'],
      ['oauthKeys', 'person, this API'],
    ] as const) {
      expect(await use(await signBy(set, claimsOf(what), elsewhere))).toBe('401 unauthenticated');
      const theirs = await app.services[set].privateKey(elsewhere.appId, kidOf(what.replace(',', ' of another app,')));
      expect(await use(signJwt(theirs, kidOf(what), claimsOf(what)))).toBe('401 unauthenticated');
    }
  });

  test.each<[what: string, changes: object]>([
    ['without token_use', { token_use: undefined }],
    ['of a kind that is not known', { token_use: 'refresh' }],
    ['of the kind of organization machines', { token_use: 'organization_machine' }],
    ['of the kind of machines', { token_use: 'machine' }],
    ['of another client', { client_id: 'other' }],
    ['without client', { client_id: undefined }],
    ['without session', { sid: undefined }],
    ['of the session of somebody else', { sub: '1' }],
    ['with a session that is no id', { sid: 'x' }],
    ['with a list of audiences', { aud: [publicUrl] }],
    ['with this API among its audiences', { aud: [api, publicUrl] }],
    ['for the origin with a slash', { aud: `${publicUrl}/` }],
    ['for the issuer', { aud: `${publicUrl}/apps/demo` }],
    ['of another issuer', { iss: publicUrl }],
    ['with an organization that is no id', { org_id: null }],
    ['with an organization that the person is not in', { org_id: '1' }],
    ['of an earlier authentication', { auth_time: 1 }],
    ['without authentication', { auth_time: undefined }],
    ['with an authentication that is no whole second', { auth_time: 1.5 }],
    ['without end', { exp: undefined }],
    ['that is not good yet', { nbf: 4_000_000_000 }],
    ['that has expired', { exp: 1 }],
  ])('%s', async (_, changes) => {
    const claims = JSON.parse(JSON.stringify({ ...claimsOf('person, this API'), ...changes })) as JWTPayload;
    expect(await use(await signBy('oauthKeys', claims))).toBe('401 unauthenticated');
  });

  test.each<[what: string, changes: object]>([
    ['without token_use', { token_use: undefined }],
    ['of the kind of people', { token_use: 'user', sid: '1', auth_time: 1 }],
    ['of another client', { client_id: 'other' }],
    ['without client', { client_id: undefined }],
    ['without secret', { secret_id: undefined }],
    ['with the secret of a machine user of the app', { secret_id: () => machine.secretId }],
    ['of a machine user of the app', { sub: () => machine.machineUserId, client_id: () => machine.machineUserId }],
    ['without organization', { org_id: undefined }],
    ['of another organization', { org_id: '1' }],
    ['with an organization that is no id', { org_id: null }],
    ['with a list of audiences', { aud: [publicUrl] }],
    ['for the name of the app', { aud: () => world.appName }],
    ['of another issuer', { iss: publicUrl }],
    ['without end', { exp: undefined }],
    ['that is not good yet', { nbf: 4_000_000_000 }],
    ['that has expired', { exp: 1 }],
  ])('the token of an organization machine is refused: %s', async (_, changes) => {
    const values = Object.entries(changes).map(([name, value]) => [
      name,
      typeof value === 'function' ? (value as () => string)() : (value as unknown),
    ]);
    const honest = claimsOf('organization machine, this API');
    expect(await use(await signBy('oauthKeys', honest))).toBe('403 human_required');
    const claims = JSON.parse(JSON.stringify({ ...honest, ...Object.fromEntries(values) })) as JWTPayload;
    expect(await use(await signBy('oauthKeys', claims))).toBe('401 unauthenticated');
    expect(await use(await signBy('signingKeys', honest))).toBe('401 unauthenticated');
    expect(await use(await signBy('signingKeys', { ...honest, token_use: undefined, aud: world.appName }))).toBe(
      '401 unauthenticated',
    );
  });

  test('a token of a machine that claims to be a person is refused, and the reverse', async () => {
    const ofMachine = { ...claimsOf('machine, this API'), token_use: 'user', sid: person.sessionId };
    const ofPerson = { ...claimsOf('person, this API'), secret_id: machine.secretId, roles: ['GENERIC_MACHINE_USER'] };
    for (const set of ['signingKeys', 'oauthKeys'] as const) {
      expect(await use(await signBy(set, ofMachine))).toBe('401 unauthenticated');
    }
    expect(await use(await signBy('signingKeys', { ...ofPerson, token_use: undefined, aud: world.appName }))).toBe(
      '401 unauthenticated',
    );
  });
});
