import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  comeBack,
  createIntent,
  goThrough,
  newBrowser,
  newVerifier,
  redeem,
  registerProvider,
  visit,
} from '../test/identity-flow.ts';
import { sql } from '../db/db.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { challengeIn, enrol, finish, nextCode, setPolicy } from '../test/world/factors.ts';
import { createWorld, faults, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const mapping = [
  { claim: 'acr', value: 'urn:acme:two', acr: 2 },
  { claim: 'acr', value: 'urn:acme:key', acr: 3 },
  { claim: 'amr', value: 'mfa', acr: 2 },
  { claim: 'amr', value: 'hwk', acr: 3 },
] as const;

let app: TestApp;
let world: World;
let provider: TestProvider;
let idpId: string;
let people = 0;

beforeAll(async () => {
  app = await buildTestApp();
  provider = await TestProvider.start();
  provider.now = () => app.clock.now();
  world = await createWorld(app);
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});
beforeEach(async () => {
  provider.misbehaviour = {};
  await setPolicy(world, 'optional');
  await world.reauthenticate();
  idpId = await registerProvider(world, provider, { acrMapping: mapping });
});

const patch = (body: object, of = idpId) =>
  world.call('PATCH', `/v1/authorization/idps/${of}`, { token: world.admin.token, body });
/** A person of the provider whom the app does not know. */
function newPerson(claims: object = {}): void {
  people += 1;
  const sub = `person-${people}`;
  provider.person = { sub, email: `${sub}@acme.example`, email_verified: true, given_name: 'Ada', ...claims };
}
const sessionOf = async (token: string) =>
  (await world.call('GET', `${users}/me`, { token })).json<{ session: { acr: number; amr: string[] } }>().session;
async function signIn(more: { query?: string } = {}): Promise<string> {
  const back = await goThrough(world, provider, idpId);
  const response = await redeem(world, { ...back, ...more });
  if (response.statusCode !== 200) throw new Error(response.body);
  return response.json<{ sessionToken: string }>().sessionToken;
}

describe('the strength of a sign-in with a provider', () => {
  it.each<[claims: object, acr: number]>([
    [{}, 1],
    [{ acr: 'urn:acme:two' }, 2],
    [{ acr: 'urn:acme:key' }, 3],
    [{ amr: ['pwd', 'mfa'] }, 2],
    [{ amr: ['pwd', 'mfa', 'hwk'] }, 3],
    [{ acr: 'urn:acme:two', amr: ['hwk'] }, 3],
    [{ acr: 'mfa', amr: ['urn:acme:key'] }, 1],
    [{ acr: 'URN:ACME:TWO' }, 1],
    [{ acr: 'urn:acme:two ' }, 1],
    [{ acr: ['urn:acme:two'] }, 1],
    [{ acr: 'urn:gatehouse:acr:3' }, 1],
    [{ acr: 3 }, 1],
    [{ amr: 'mfa' }, 1],
    [{ amr: [['mfa'], { mfa: true }, 2] }, 1],
    [{ amr: { 0: 'mfa' } }, 1],
  ])('the ID token of %j gives the strength %i', async (claims, acr) => {
    newPerson(claims);
    expect(await sessionOf(await signIn())).toMatchObject({ acr, amr: ['fed'] });
  });

  it.each<[claims: object]>([[{ acr: 'urn:acme:key' }], [{ amr: ['hwk', 'user', 'mfa'] }]])(
    'is 1 without a mapping, regardless of what the provider sends: %j',
    async (claims) => {
      await patch({ acrMapping: [] });
      newPerson(claims);
      expect(await sessionOf(await signIn())).toMatchObject({ acr: 1, amr: ['fed'] });
    },
  );

  it('is not read from userinfo', async () => {
    provider.person = { sub: 'by-userinfo' };
    const strong = { acr: 'urn:acme:key', amr: ['hwk'] };
    provider.misbehaviour = { userinfo: { email: 'ui@acme.example', email_verified: true, ...strong } };
    expect(await sessionOf(await signIn())).toMatchObject({ acr: 1 });
  });

  it('is not read from the callback or from the body', async () => {
    newPerson();
    const browser = newBrowser();
    const { authUrl } = await createIntent(world, idpId);
    const location = String((await visit(world, browser, authUrl)).headers.location);
    const callback = `${await provider.signIn(location)}&acr=urn:acme:key&amr=hwk`;
    const { intentId, intentToken } = await comeBack(world, browser, callback);
    const body = { intentId, idpToken: intentToken };
    const url = '/v1/authentication/idp/intents/validate';
    for (const more of [{ acr: 3 }, { amr: ['hwk'] }, { providerAcr: 3 }]) {
      expect(problem(await world.call('POST', url, { body: { ...body, ...more } }))).toBe('400 validation_failed');
    }
    const { sessionToken } = (await world.call('POST', url, { body })).json<{ sessionToken: string }>();
    expect(await sessionOf(sessionToken)).toMatchObject({ acr: 1 });
  });

  it('does not exist with a forged ID token', async () => {
    newPerson({ acr: 'urn:acme:key' });
    provider.misbehaviour = { forgesSignature: true };
    expect(await goThrough(world, provider, idpId)).not.toHaveProperty('intentToken');
  });

  it('is not that of another provider', async () => {
    const other = await registerProvider(world, provider, { name: 'Other' });
    newPerson({ acr: 'urn:acme:key' });
    const { sessionToken } = (await redeem(world, await goThrough(world, provider, other))).json<{
      sessionToken: string;
    }>();
    expect(await sessionOf(sessionToken)).toMatchObject({ acr: 1 });
  });

  it('is 1 if the app withdrew the mapping while the person was at the provider', async () => {
    newPerson({ acr: 'urn:acme:key' });
    const back = await goThrough(world, provider, idpId);
    await patch({ acrMapping: [] });
    const { sessionToken } = (await redeem(world, back)).json<{ sessionToken: string }>();
    expect(await sessionOf(sessionToken)).toMatchObject({ acr: 1 });
  });
});

describe('a session whose provider has checked two factors', () => {
  it('loses the strength with the next sign-in in the same browser', async () => {
    newPerson({ acr: 'urn:acme:key' });
    const token = await signIn();
    provider.person = { ...provider.person, acr: 'urn:acme:one' };
    const back = await goThrough(world, provider, idpId);
    const headers = { cookie: `session-token=${token}` };
    const { sessionToken } = (await redeem(world, back, { headers })).json<{ sessionToken: string }>();
    expect(await sessionOf(sessionToken)).toMatchObject({ acr: 1 });
    expect(problem(await world.call('GET', `${users}/me`, { token }))).toBe('401 unauthenticated');
  });

  it('remains usable when the app starts to require a second factor', async () => {
    newPerson({ amr: ['mfa'] });
    const strong = await signIn();
    newPerson();
    const weak = await signIn();
    await app.db.query(sql`
      UPDATE apps SET settings = settings || '{"mfa": {"policy": "required", "graceDays": 0}}'
      WHERE id = ${world.appId}`);
    expect((await world.call('GET', `${users}/me`, { token: strong })).statusCode).toBe(200);
    expect(problem(await world.call('GET', `${users}/me`, { token: weak }))).toBe('403 mfa_enrolment_required');
  });

  it('satisfies an app that requires a second factor', async () => {
    await setPolicy(world, 'required');
    newPerson({ amr: ['mfa'] });
    const token = await signIn();
    expect((await world.call('GET', `${users}/me`, { token })).statusCode).toBe(200);
    newPerson();
    expect(problem(await world.call('GET', `${users}/me`, { token: await signIn() }))).toBe(
      '403 mfa_enrolment_required',
    );
  });

  it('is started only after the second factor, if the person has one', async () => {
    newPerson({ acr: 'urn:acme:key' });
    const factor = await enrol(world, { token: await signIn() });
    const response = await redeem(world, await goThrough(world, provider, idpId));
    const code = { factorId: factor.id, code: nextCode(world, factor) };
    const finished = await finish(world, challengeIn(response), code);
    const { sessionToken } = finished.json<{ sessionToken: string }>();
    expect(await sessionOf(sessionToken)).toEqual(expect.objectContaining({ acr: 3, amr: ['fed', 'otp', 'mfa'] }));
  });

  it('does not confirm changes of second factors instead of a factor of the account', async () => {
    newPerson({ acr: 'urn:acme:key' });
    const first = await signIn();
    const factor = await enrol(world, { token: first });
    app.clock.advance(600_001);
    const { codeVerifier, codeChallenge } = newVerifier();
    provider.misbehaviour = { claims: { auth_time: Math.floor(app.clock.now().getTime() / 1000) } };
    const { intentId, intentToken } = await goThrough(world, provider, idpId, { codeChallenge, reauthenticate: true });
    const body = { intentId, idpToken: intentToken, codeVerifier };
    expect((await world.call('POST', `${users}/me/reauthentication`, { token: first, body })).statusCode).toBe(200);
    const removed = await world.call('DELETE', `${users}/me/factors/${factor.id}`, { token: first });
    expect(problem(removed)).toBe('401 step_up_required');
  });
});

describe('a re-authentication at the provider', () => {
  it('asks for the mapped values of acr, and raises the strength of this session only', async () => {
    newPerson();
    const [token, other] = [await signIn(), await signIn()];
    const { codeVerifier, codeChallenge } = newVerifier();
    const browser = newBrowser();
    const { authUrl } = await createIntent(world, idpId, { codeChallenge, reauthenticate: true });
    const location = String((await visit(world, browser, authUrl)).headers.location);
    expect(new URL(location).searchParams.get('acr_values')).toBe('urn:acme:two urn:acme:key');
    const authTime = Math.floor(app.clock.now().getTime() / 1000);
    provider.misbehaviour = { claims: { auth_time: authTime, acr: 'urn:acme:two' } };
    const { intentId, intentToken } = await comeBack(world, browser, await provider.signIn(location));
    const body = { intentId, idpToken: intentToken, codeVerifier };
    expect((await world.call('POST', `${users}/me/reauthentication`, { token, body })).statusCode).toBe(200);
    expect(await sessionOf(token)).toMatchObject({ acr: 2 });
    expect(await sessionOf(other)).toMatchObject({ acr: 1 });
  });

  it('is not asked for in a sign-in', async () => {
    const { authUrl } = await createIntent(world, idpId);
    const location = String((await visit(world, newBrowser(), authUrl)).headers.location);
    expect(new URL(location).searchParams.has('acr_values')).toBe(false);
  });
});

describe('the setting', () => {
  it.each<[what: string, value: unknown]>([
    ['another claim', [{ claim: 'sub', value: 'x', acr: 2 }]],
    ['the strength 1', [{ claim: 'acr', value: 'x', acr: 1 }]],
    ['the strength 4', [{ claim: 'acr', value: 'x', acr: 4 }]],
    ['a strength in words', [{ claim: 'acr', value: 'x', acr: '2' }]],
    ['an empty value', [{ claim: 'acr', value: '', acr: 2 }]],
    ['a value with a space, which would be two', [{ claim: 'acr', value: 'a b', acr: 2 }]],
    ['a long value', [{ claim: 'acr', value: 'x'.repeat(201), acr: 2 }]],
    ['an unknown field', [{ claim: 'acr', value: 'x', acr: 2, or: 'any' }]],
    [
      'the same value twice',
      [
        { claim: 'acr', value: 'x', acr: 2 },
        { claim: 'acr', value: 'x', acr: 3 },
      ],
    ],
    ['21 entries', Array.from({ length: 21 }, (_, n) => ({ claim: 'amr', value: `x${n}`, acr: 2 }))],
    ['no list', { acr: 'x' }],
  ])('refuses %s', async (_, acrMapping) => {
    const response = await patch({ acrMapping });
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response)).every((pointer) => pointer.startsWith('/body/acrMapping'))).toBe(true);
  });

  it('is refused for Google and Microsoft, together with other settings of generic providers', async () => {
    const body = { clientId: 'id', clientSecret: 'secret' };
    for (const type of ['google', 'azure']) {
      const url = `/v1/authorization/idps/${type}`;
      const created = await world.call('POST', url, { token: world.admin.token, body });
      const response = await patch({ acrMapping: mapping, trustEmail: true }, created.json<{ id: string }>().id);
      expect(Object.keys(faults(response))).toEqual(['/body/trustEmail', '/body/acrMapping']);
    }
  });

  it('is shown, and an equal value needs no recent authentication', async () => {
    const { idps } = (await world.call('GET', '/v1/authorization/idps', { token: world.admin.token })).json<{
      idps: { id: string; acrMapping: unknown }[];
    }>();
    expect(idps.find(({ id }) => id === idpId)?.acrMapping).toEqual(mapping);
    app.clock.advance(600_001);
    expect((await patch({ acrMapping: mapping })).statusCode).toBe(200);
    expect(problem(await patch({ acrMapping: mapping.slice(1) }))).toBe('401 reauthentication_required');
  });
});
