import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../../server/src/db/db.ts';
import { buildTestApp, type TestApp } from '../../server/src/test/setup.ts';
import { setOrganizationPolicy } from '../../server/src/test/world/policies.ts';
import { createWorld, type Person, type World } from '../../server/src/test/world/world.ts';
import { createClient, machineClient } from '../src/index.ts';
import { createRequireAuth as createExpressAuth } from '../src/express.ts';
import { createRequireAuth as createHonoAuth } from '../src/hono.ts';
import { createWithAuth } from '../src/next.ts';
import { createAuthenticator, type Requirement } from '../src/server.ts';

const audience = 'https://api.example.com';
const issuerUrl = 'http://127.0.0.1:3000';
const challenge = 'Bearer error="insufficient_user_authentication"';
const second = 'acr_values="urn:gatehouse:acr:2"';

let test: TestApp;
let world: World;
let person: Person;
let stranger: Person;
let orgId: string;
let baseUrl: string;

beforeAll(async () => {
  test = await buildTestApp();
  baseUrl = await test.app.listen({ host: '127.0.0.1', port: 0 });
  world = await createWorld(test, { settings: { audiences: [audience], organizationMachineUsers: true } });
  person = await world.person();
  stranger = await world.person();
  orgId = await world.organization(person);
});
afterAll(() => test?.close());

const place = () => ({ baseUrl, appName: world.appName });
const requestOf = (token: string) =>
  new Request('https://api.example.com/', { headers: { authorization: `Bearer ${token}` } });
const authorize = (token: string, requirement: Requirement, options = {}) =>
  createAuthenticator({ ...place(), audience, issuerUrl, ...options })(requestOf(token), requirement);

/** Sets the authentication of the person in the session, and its age in seconds; null: never. */
const setProven = (amr: readonly string[], [first, factor, strong]: readonly (number | null)[]) =>
  test.db.query(sql`
    UPDATE sessions SET amr = ${amr}::text[], authenticated_at = ${ago(first ?? null)},
      factor_at = ${ago(factor ?? null)}, strong_factor_at = ${ago(strong ?? null)}
    WHERE app_id = ${world.appId} AND id = ${person.sessionId}`);
const ago = (seconds: number | null) =>
  seconds === null ? sql`NULL` : sql`${new Date(Date.now() - seconds * 1000)}::timestamptz`;

/** The credentials that a person can send to a server. */
async function credentialsOf({ token }: Person, organizationId?: string): Promise<string[]> {
  const asked = { audience, ...(organizationId !== undefined && { organizationId }) };
  return [token, (await createClient({ ...place(), token }).tokens.createForMe(asked)).token];
}

const password = ['pwd'];
const totp = ['pwd', 'otp', 'mfa'];
const passkey = ['swk', 'user', 'mfa'];
const hour = 3600;

describe('a route that requires an authentication', () => {
  it.each<[name: string, amr: string[], ages: (number | null)[], requirement: Requirement]>([
    ['any strength', password, [hour, null, null], { acr: 1 }],
    ['two factors, at any time', totp, [hour, hour, null], { acr: 2 }],
    ['two factors, by a passkey', passkey, [hour, hour, hour], { acr: 2 }],
    ['a recent authentication', password, [60, null, null], { maxAgeSeconds: 600 }],
    ['a recent second factor', totp, [60, 60, null], { acr: 2, maxAgeSeconds: 600 }],
    ['a recent second factor after an old passkey', passkey, [60, 60, hour], { acr: 2, maxAgeSeconds: 600 }],
    ['a recent passkey', passkey, [60, 60, 60], { acr: 3, maxAgeSeconds: 600 }],
  ])('accepts %s', async (_, amr, ages, requirement) => {
    await setProven(amr, ages);
    for (const token of await credentialsOf(person)) {
      expect(await authorize(token, requirement)).toMatchObject({ actor: { userId: person.userId } });
    }
  });

  it.each<
    [name: string, amr: string[], ages: (number | null)[], requirement: Requirement, code: string, value: string]
  >([
    ['one factor', password, [1, null, null], { acr: 2 }, 'step_up_required', second],
    [
      'one factor, and says both that are missing',
      password,
      [hour, null, null],
      { acr: 2, maxAgeSeconds: 600 },
      'step_up_required',
      `${second}, max_age=600`,
    ],
    [
      'a code where a passkey is needed',
      totp,
      [1, 1, null],
      { acr: 3 },
      'step_up_required',
      second.replace('2"', '3"'),
    ],
    ['a recovery code', ['pwd', 'rec', 'mfa'], [1, 1, null], { acr: 2 }, 'step_up_required', second],
    [
      'an old authentication',
      totp,
      [601, 601, null],
      { maxAgeSeconds: 600 },
      'reauthentication_required',
      'max_age=600',
    ],
    [
      'an old second factor',
      totp,
      [hour, hour, null],
      { acr: 2, maxAgeSeconds: 600 },
      'reauthentication_required',
      `${second}, max_age=600`,
    ],
    [
      'an old second factor, although a password is recent',
      totp,
      [1, hour, null],
      { acr: 2, maxAgeSeconds: 600 },
      'step_up_required',
      `${second}, max_age=600`,
    ],
    [
      'an old passkey, although a code is recent',
      passkey,
      [1, 1, hour],
      { acr: 3, maxAgeSeconds: 600 },
      'step_up_required',
      `${second.replace('2"', '3"')}, max_age=600`,
    ],
  ])('refuses %s', async (_, amr, ages, requirement, code, value) => {
    await setProven(amr, ages);
    for (const token of await credentialsOf(person)) {
      expect(await authorize(token, requirement)).toEqual({
        refusal: { status: 401, code, challenge: `${challenge}, ${value}` },
      });
    }
  });

  it('does not take the word of a provider for the age of a second factor', async () => {
    await setProven(['fed'], [1, null, null]);
    await test.db.query(sql`
      UPDATE sessions SET provider_acr = 2 WHERE app_id = ${world.appId} AND id = ${person.sessionId}`);
    for (const token of await credentialsOf(person)) {
      expect(await authorize(token, { acr: 2 })).toHaveProperty('actor');
      expect(await authorize(token, { acr: 2, maxAgeSeconds: 600 })).toHaveProperty('refusal.code', 'step_up_required');
    }
    await test.db.query(sql`
      UPDATE sessions SET provider_acr = NULL WHERE app_id = ${world.appId} AND id = ${person.sessionId}`);
  });

  it('requires nothing of strangers: they get not found', async () => {
    await setProven(password, [hour, null, null]);
    const requirement = { organization: orgId, acr: 2, maxAgeSeconds: 1 } as const;
    for (const token of await credentialsOf(stranger)) {
      expect(await authorize(token, requirement)).toHaveProperty('refusal.code', 'organization_not_found');
    }
    for (const token of await credentialsOf(person, orgId)) {
      expect(await authorize(token, { ...requirement, permission: 'none' })).toHaveProperty('refusal.status', 403);
      expect(await authorize(token, requirement)).toHaveProperty('refusal.code', 'step_up_required');
    }
  });

  it.each<object>([
    { acr: undefined },
    { acr: 4 },
    { acr: 'urn:gatehouse:acr:2' },
    { maxAgeSeconds: undefined },
    { maxAgeSeconds: -1 },
    { maxAgeSeconds: Number.NaN },
    { acr: 2, maxAgeSeconds: '600' },
  ])('refuses everybody if its requirement is %j', async (requirement) => {
    await setProven(passkey, [1, 1, 1]);
    for (const token of await credentialsOf(person)) {
      expect(await authorize(token, requirement)).toEqual({
        refusal: { status: 503, code: 'authentication_requirement_invalid' },
      });
    }
  });

  it('exempts machine users, and refuses API keys, because nobody authenticates with them', async () => {
    await setProven(totp, [1, 1, null]);
    const requirement = { organization: orgId, acr: 2, maxAgeSeconds: 600 } as const;
    const { token } = person;
    const { machineUserId, clientSecret } = await world.machine();
    const asked = { clientId: machineUserId, clientSecret, audience: [audience] };
    const { token: machine } = await createClient(place()).tokens.requestForMachine(asked);
    expect(await authorize(machine, { ...requirement, machines: true })).toHaveProperty('actor.kind', 'machine');

    const owner = createClient({ ...place(), token });
    const made = await owner.organizationMachineUsers.create(orgId, { userName: 'exporter', roles: ['reader'] });
    const { token: exporter } = await createClient(place()).tokens.requestForMachine({
      clientId: made.clientId,
      clientSecret: made.clientSecret,
      audience: [audience],
    });
    expect(await authorize(exporter, requirement)).toHaveProperty('actor.kind', 'organization_machine');

    const apiKeys = machineClient({ ...place(), clientId: machineUserId, clientSecret });
    const { key } = await owner.apiKeys.create(orgId, { name: 'export', permissions: ['documents:reader'] });
    expect(await authorize(key, { organization: orgId }, { apiKeys })).toHaveProperty('actor.kind', 'api_key');
    for (const part of [{ acr: 1 }, { maxAgeSeconds: 600 }] as const) {
      expect(await authorize(key, { organization: orgId, ...part }, { apiKeys })).toEqual({
        refusal: { status: 403, code: 'human_required' },
      });
    }
  });
});

describe('the policy of an organization', () => {
  it.each([
    [{ mfa: 'required', maxSessionHours: 8 } as const, `${second}, max_age=28800`],
    [{ maxSessionHours: 1 }, 'max_age=3600'],
    [{ signInMethods: ['provider'] as const, maxSessionHours: 8 }, 'max_age=28800'],
  ])('%j is in the challenge', async (policy, value) => {
    await setProven(password, [2 * hour, null, null]);
    await setOrganizationPolicy(world, orgId, policy);
    expect(await authorize(person.token, { organization: orgId })).toEqual({
      refusal: { status: 401, code: 'step_up_required', challenge: `${challenge}, ${value}` },
    });
    await setOrganizationPolicy(world, orgId, null);
  });
});

describe('the challenge is a header of the response', () => {
  const requirement = { acr: 2, maxAgeSeconds: 600 } as const;
  const expected = [401, `${challenge}, ${second}, max_age=600`, { code: 'step_up_required' }];
  const shown = async (response: Response | undefined) => [
    response?.status,
    response?.headers.get('www-authenticate'),
    await response?.json(),
  ];

  it('Express, Hono and Next.js send the challenge as a header', async () => {
    await setProven(password, [1, null, null]);
    const express: unknown[] = [];
    await createExpressAuth(place())(requirement)(
      { headers: { authorization: `Bearer ${person.token}` }, params: {} },
      {
        setHeader: (name, value) => express.push([name, value]),
        status: (status) => ({ json: (body) => express.push(status, body) }),
      },
      () => express.push('next'),
    );
    const [status, header, body] = expected;
    expect(express).toEqual([['www-authenticate', header], status, body]);

    const context = { req: { raw: requestOf(person.token), param: () => undefined }, set: () => undefined };
    expect(await shown(await createHonoAuth(place())(requirement)(context, () => Promise.resolve()))).toEqual(expected);
    const handler = createWithAuth(place())(requirement, () => new Response());
    expect(await shown(await handler(requestOf(person.token), {}))).toEqual(expected);
  });
});
