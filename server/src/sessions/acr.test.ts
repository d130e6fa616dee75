import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { addFactor, challenge, enrol, factorsUrl, finish, nextCode, signInWith } from '../test/world/factors.ts';
import {
  addPasskey,
  assertion,
  optionsOf,
  setRelyingParty,
  signInByPasskey,
  createPasskey,
} from '../test/world/passkeys.ts';
import { createWorld, type Machine, type Person, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const audience = 'https://api.example.com';

let test: TestApp;
let world: World;
let machine: Machine;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
  machine = await world.machine();
  await setRelyingParty(world);
  await test.db.query(sql`
    UPDATE apps SET settings = settings || jsonb_build_object('audiences', ARRAY[${audience}::text])
    WHERE id = ${world.appId}`);
});
afterAll(() => test?.close());

/** The strength that each place shows, for one session. */
async function shown(token: string) {
  const me = (await world.call('GET', `${users}/me`, { token })).json<{ session: Shown }>();
  const { sessions } = (await world.call('GET', `${users}/me/sessions`, { token })).json<{ sessions: Listed[] }>();
  const issued = await world.call('POST', `${users}/me/access-token`, { token, body: {} });
  const { token: accessToken } = issued.json<{ token: string }>();
  const introspected = async (credential: string) => {
    const body = { token: credential };
    const response = await world.call('POST', '/v1/authentication/token/introspection', { token: machine.token, body });
    return response.json<Shown & Times>();
  };
  const inSeconds = (time: string | undefined) => Math.floor(Date.parse(time ?? '') / 1000);
  const current = sessions.find((one) => one.current);
  const ofSession = await introspected(token);
  const ofToken = await introspected(accessToken);
  const claims = decodeJwt<Shown & Times>(accessToken);
  return {
    acr: [me.session.acr, current?.acr, ofSession.acr, ofToken.acr, claims.acr],
    amr: [me.session.amr, current?.amr, ofSession.amr, ofToken.amr, claims.amr],
    times: [
      inSeconds(me.session.authenticatedAt),
      inSeconds(current?.authenticatedAt),
      ofSession.auth_time,
      ofToken.auth_time,
      claims.auth_time,
    ],
    factors: [
      [me.session.secondFactorAt, me.session.strongFactorAt].map((time) => time && inSeconds(time)),
      ...[ofSession, ofToken, claims].map((one) => [one.second_factor_time, one.strong_factor_time]),
    ],
  };
}
interface Shown {
  readonly acr: unknown;
  readonly amr: readonly string[];
  readonly authenticatedAt?: string;
  readonly secondFactorAt?: string;
  readonly strongFactorAt?: string;
}
interface Times {
  readonly auth_time: number;
  readonly second_factor_time?: number;
  readonly strong_factor_time?: number;
}
interface Listed extends Shown {
  readonly current: boolean;
}

const signInWithUnverifiedKey = async (): Promise<string> => {
  const person = await world.person();
  const passkey = await addPasskey(world, person, createPasskey());
  const begun = await challenge(world, person.email);
  const options = await optionsOf(world, 'secondFactorOptions', {
    body: { mfaToken: begun.mfaToken },
    headers: { 'x-device-token': begun.device },
  });
  const given = { assertion: assertion(passkey, options, { isUserVerified: false }) };
  return (await finish(world, begun, given)).json<{ sessionToken: string }>().sessionToken;
};

const withFactorAdded = async (): Promise<string> => {
  const person = await world.person();
  await enrol(world, person);
  return person.token;
};

const reauthenticatedByPasskey = async (): Promise<string> => {
  const person = await world.person();
  const passkey = await addPasskey(world, person);
  const factor = await enrol(world, person);
  const { token } = await signInWith(world, person, factor);
  const answer = assertion(passkey, await optionsOf(world, 'reauthenticationOptions', { token }));
  const body = { assertion: answer };
  await world.call('POST', `${users}/me/reauthentication`, { token, body });
  return token;
};

const reauthenticatedByPassword = async (): Promise<string> => {
  const person = await world.person();
  await addFactor(world, person);
  await world.call('POST', `${users}/me/reauthentication`, {
    token: person.token,
    body: { currentPassword: 'Password@123JonDoeInc' },
  });
  return person.token;
};

describe('every place shows the same strength, methods and time of a session', () => {
  it.each<[what: string, acr: 1 | 2 | 3, amr: string[], token: () => Promise<string>]>([
    ['with the password alone', 1, ['pwd'], async () => (await world.person()).token],
    ['with the password twice, and a factor that is not confirmed', 1, ['pwd'], reauthenticatedByPassword],
    ['in which an authenticator app was added', 2, ['pwd', 'otp', 'mfa'], withFactorAdded],
    [
      'with password and authenticator app',
      2,
      ['pwd', 'otp', 'mfa'],
      async () => {
        const person = await world.person();
        return (await signInWith(world, person, await enrol(world, person))).token;
      },
    ],
    ['with a key that did not verify the person', 2, ['pwd', 'swk', 'mfa'], signInWithUnverifiedKey],
    [
      'with a passkey alone',
      3,
      ['swk', 'user', 'mfa'],
      async () => {
        const passkey = await addPasskey(world, await world.person());
        return (await signInByPasskey(world, passkey)).json<{ sessionToken: string }>().sessionToken;
      },
    ],
    ['raised by a passkey afterwards', 3, ['pwd', 'otp', 'mfa', 'swk', 'user'], reauthenticatedByPasskey],
  ])('%s', async (_, acr, amr, start) => {
    const found = await shown(await start());
    const urn = `urn:gatehouse:acr:${acr}`;
    expect(found.acr).toEqual([acr, acr, urn, urn, urn]);
    expect(found.amr).toEqual([amr, amr, amr, amr, amr]);
    expect([new Set(found.times).size, found.times[0]]).toEqual([1, expect.any(Number)]);
    expect(new Set(found.factors.map((times) => times.join())).size).toBe(1);
    expect(found.factors[0]?.map((time) => time !== undefined)).toEqual([acr >= 2, acr === 3]);
  });
});

describe('a session after a recovery code', () => {
  const stored = async ({ userId }: Person) => {
    const url = `/v1/authentication/users/${userId}/sessions`;
    const response = await world.call('GET', url, { token: world.admin.token });
    return response.json<{ sessions: Shown[] }>().sessions.map(({ acr, amr }) => [acr, amr]);
  };

  it('has the strength 1, also with a factor that was added in it', async () => {
    const person = await world.person();
    const factor = await enrol(world, person);
    await world.call('DELETE', `${users}/sessions/${person.sessionId}`, { token: person.token });
    const [recoveryCode] = factor.recoveryCodes;
    const response = await finish(world, await challenge(world, person.email), { recoveryCode });
    const { sessionToken: token } = response.json<{ sessionToken: string }>();
    expect(await stored(person)).toEqual([[1, ['pwd', 'rec']]]);
    const added = await addFactor(world, { token });
    const body = { code: nextCode(world, added) };
    const confirmed = await world.call('POST', `${factorsUrl}/${added.id}/confirmation`, { token, body });
    expect(confirmed.statusCode).toBe(200);
    expect(await stored(person)).toEqual([[1, ['pwd', 'rec', 'otp', 'mfa']]]);
  });
});
