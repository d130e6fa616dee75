import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { addFactor, beginByMail, confirmation, enrol, factorsUrl, setPolicy } from '../test/world/factors.ts';
import {
  addPasskey,
  assertion,
  createPasskey,
  type Deviation,
  optionsOf,
  passkeyUrls,
  registration,
  relyingParty,
  setRelyingParty,
  signInByPasskey,
} from '../test/world/passkeys.ts';
import { createWorld, faults, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const settingsUrl = '/v1/authorization/apps/settings';

let test: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  test = await buildTestApp();
  world = await createWorld(test);
});
afterAll(() => test?.close());
beforeEach(async () => {
  await setPolicy(world, 'optional');
  await setRelyingParty(world);
  person = await world.person();
});

const call = (method: string, url: string, body?: object, token = person.token) =>
  world.call(method as 'GET', url, { token, ...(body && { body }) });
const list = async (token = person.token) =>
  (await call('GET', factorsUrl, undefined, token)).json<{ factors: { id: string }[]; recoveryCodes: object }>();
const begin = (token = person.token) => optionsOf(world, 'registrationOptions', { token });
const register = (credential: object, extra: object = {}, token = person.token) =>
  call('POST', passkeyUrls.registration, { credential, ...extra }, token);

describe('the options for a new passkey', () => {
  it('name the app, the account and the algorithms, and ask for no attestation', async () => {
    const options = await begin();
    expect(options).toEqual({
      rp: { id: 'example.com', name: world.appName },
      user: { id: expect.any(String), name: person.email, displayName: expect.any(String) },
      challenge: expect.stringMatching(/^[\w-]{43}$/),
      pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: 'public-key', alg })),
      timeout: 300_000,
      excludeCredentials: [],
      authenticatorSelection: {
        residentKey: 'preferred',
        requireResidentKey: false,
        userVerification: 'preferred',
      },
      attestation: 'none',
    });
  });

  it('have a user handle of app and user, without personal data', async () => {
    const handle = Buffer.from((await begin()).user?.id ?? '', 'base64url');
    expect([handle.readBigInt64BE(0), handle.readBigInt64BE(8)]).toEqual([BigInt(world.appId), BigInt(person.userId)]);
    expect(handle).toHaveLength(16);
  });

  it('exclude the passkeys that the person has', async () => {
    const { credentialId } = await addPasskey(world, person);
    const excluded = { type: 'public-key', id: credentialId.toString('base64url'), transports: ['internal', 'hybrid'] };
    expect(await begin()).toMatchObject({ excludeCredentials: [excluded] });
  });

  it('are stored as a hash only', async () => {
    const { challenge } = await begin();
    const rows = await test.db.query<{ row: string }>(sql`SELECT c::text AS row FROM passkey_challenges c`);
    const text = rows.map(({ row }) => row).join();
    expect(text).not.toContain(challenge);
    expect(text).not.toContain(Buffer.from(challenge, 'base64url').toString('hex'));
  });

  it('need a recent authentication, and a recent factor from people who have one', async () => {
    await addPasskey(world, person);
    test.clock.advance(600_001);
    expect(problem(await call('POST', passkeyUrls.registrationOptions))).toBe('401 reauthentication_required');
    await world.reauthenticate(person);
    expect(problem(await call('POST', passkeyUrls.registrationOptions))).toBe('401 step_up_required');
  });

  it.each([
    ['the app has no relying party', '409 relying_party_missing', () => setNoRelyingParty()],
    ['the app uses no factors', '403 mfa_disabled', () => setPolicy(world, 'off')],
  ])('are refused if %s', async (_, refusal, change) => {
    const credential = registration(createPasskey(), await begin());
    await change();
    expect(problem(await call('POST', passkeyUrls.registrationOptions))).toBe(refusal);
    expect(problem(await register(credential))).toBe(refusal);
  });
});

const setNoRelyingParty = () =>
  test.db.query(sql`
    UPDATE apps SET settings = settings #- '{mfa,relyingParty}' || '{"hostedPages": false}' WHERE id = ${world.appId}`);

describe('registering a passkey', () => {
  beforeEach(() => beginByMail(world, person));

  it('adds a factor with its properties, ten recovery codes with the first one, and notifies the owner', async () => {
    const { id, recoveryCodes } = await addPasskey(world, person);
    expect(recoveryCodes).toHaveLength(10);
    expect(await list()).toMatchObject({
      factors: [
        {
          id,
          kind: 'passkey',
          name: 'Laptop',
          passkey: {
            isBackupEligible: true,
            isBackedUp: true,
            transports: ['internal', 'hybrid'],
            aaguid: '00000000-0000-0000-0000-000000000000',
            counterRegressedAt: null,
          },
        },
      ],
      recoveryCodes: { total: 10, unused: 10 },
    });
    expect((await world.mail(person.email)).subject).toContain('second factor was added');
    expect((await addPasskey(world, person)).recoveryCodes).toEqual([]);
  });

  it.each([
    [{}, ['pwd', 'swk', 'user', 'mfa']],
    [{ isUserVerified: false }, ['pwd', 'swk', 'mfa']],
  ])('counts as two factors in this session: %j', async (deviation, amr) => {
    person = await world.person();
    await addPasskey(world, person, createPasskey(), deviation);
    expect((await call('GET', `${users}/me`)).json()).toMatchObject({ session: { amr } });
  });

  const cases: [string, Deviation][] = [
    ['of another origin', { origin: 'https://app.example.org' }],
    ['of a subdomain that is not listed', { origin: 'https://evil.example.com' }],
    ['of the origin with another scheme', { origin: 'http://app.example.com' }],
    ['in a frame of another site', { crossOrigin: true }],
    ['for another relying party', { rpId: 'app.example.com' }],
    ['without presence of the person', { isUserPresent: false }],
    ['that is an authentication', { type: 'webauthn.get' }],
    ['with a challenge of the caller', { challenge: Buffer.alloc(32).toString('base64url') }],
  ];
  it.each(cases)('is refused %s', async (_, deviation) => {
    expect(problem(await register(registration(createPasskey(), await begin(), deviation)))).toBe('400 factor_invalid');
    expect((await list()).factors).toEqual([]);
  });

  it.each([
    ['clientDataJSON', 'e30'],
    ['clientDataJSON', 'AAAA'],
    ['attestationObject', 'AAAA'],
    ['attestationObject', Buffer.from('a363666d74', 'hex').toString('base64url')],
  ])('is refused with a malformed %s', async (field, value) => {
    const credential = registration(createPasskey(), await begin());
    const response = { ...credential.response, [field]: value };
    expect(problem(await register({ ...credential, response }))).toBe('400 factor_invalid');
  });

  it('says which origin is not allowed', async () => {
    const refused = await register(registration(createPasskey(), await begin(), { origin: 'https://evil.example' }));
    expect(refused.json<{ detail: string }>().detail).toContain('"https://evil.example"');
  });

  it('ignores an attestation statement, which was not requested', async () => {
    // The statement names a certificate; nothing must be fetched because of it.
    const statement = Buffer.from('a163783563814101', 'hex');
    const credential = registration(createPasskey(), await begin(), {}, { name: 'apple', statement });
    expect((await register(credential)).statusCode).toBe(201);
  });

  it('uses the challenge up, also if the response is wrong', async () => {
    const options = await begin();
    const wrong = registration(createPasskey(), options, { origin: 'https://evil.example' });
    expect(problem(await register(wrong))).toBe('400 factor_invalid');
    expect(problem(await register(registration(createPasskey(), options)))).toBe('400 factor_invalid');
  });

  it('accepts a challenge once, when two calls send it at the same time', async () => {
    const options = await begin();
    const both = [createPasskey(), createPasskey()].map((passkey) => register(registration(passkey, options)));
    expect((await Promise.all(both)).map(({ statusCode }) => statusCode).toSorted((one, other) => one - other)).toEqual(
      [201, 400],
    );
  });

  it('accepts a challenge for five minutes', async () => {
    const options = await begin();
    test.clock.advance(300_000);
    expect(problem(await register(registration(createPasskey(), options)))).toBe('400 factor_invalid');
  });

  it('accepts only the newest challenge of the session', async () => {
    const earlier = await begin();
    const later = await begin();
    expect(problem(await register(registration(createPasskey(), earlier)))).toBe('400 factor_invalid');
    expect((await register(registration(createPasskey(), later))).statusCode).toBe(201);
  });

  it.each([
    ['another person', async () => begin((await world.person()).token)],
    ['another session of the person', async () => begin((await world.signIn(person.email)).token)],
    ['a re-authentication', async () => optionsOf(world, 'reauthenticationOptions', { token: person.token })],
    ['a sign-in', async () => optionsOf(world, 'signInOptions')],
  ])('refuses the challenge of %s', async (_, other) => {
    expect(problem(await register(registration(createPasskey(), await other())))).toBe('400 factor_invalid');
  });

  it('does not consume the challenge of another session', async () => {
    const other = await world.person();
    await beginByMail(world, other);
    const credential = registration(createPasskey(), await begin(other.token));
    await register(credential);
    expect((await register(credential, {}, other.token)).statusCode).toBe(201);
  });

  it('refuses a credential that the person has', async () => {
    const passkey = await addPasskey(world, person);
    expect(problem(await register(registration(passkey, await begin())))).toBe('400 factor_invalid');
    const elsewhere = await createWorld(test);
    await setRelyingParty(elsewhere);
    expect((await addPasskey(elsewhere, await elsewhere.person(), passkey)).recoveryCodes).toHaveLength(10);
  });

  it('is refused beyond ten factors', async () => {
    for (let count = 0; count < 9; count += 1) await addPasskey(world, person);
    const options = await begin();
    await enrol(world, person);
    expect(problem(await register(registration(createPasskey(), options)))).toBe('409 factor_limit_exceeded');
    expect(problem(await call('POST', passkeyUrls.registrationOptions))).toBe('409 factor_limit_exceeded');
  });
});

describe('a passkey', () => {
  it('is renamed and removed like other factors, and is then refused', async () => {
    const passkey = await addPasskey(world, person);
    expect((await call('PATCH', `${factorsUrl}/${passkey.id}`, { name: 'Key' })).json()).toMatchObject({ name: 'Key' });
    expect((await call('DELETE', `${factorsUrl}/${passkey.id}`)).statusCode).toBe(204);
    expect(problem(await signInByPasskey(world, passkey))).toBe('401 invalid_credentials');
    expect(await list()).toEqual({ factors: [], recoveryCodes: { total: 0, unused: 0 } });
  });

  it('is no authenticator app: it cannot be confirmed with a code', async () => {
    const { id } = await addPasskey(world, person);
    expect(problem(await call('POST', `${factorsUrl}/${id}/confirmation`, { code: '123456' }))).toBe(
      '404 factor_not_found',
    );
    await addFactor(world, person);
    expect((await list()).factors).toHaveLength(1);
  });

  it('is the last factor in an app that requires one', async () => {
    const { id } = await addPasskey(world, person);
    await setPolicy(world, 'required');
    expect(problem(await call('DELETE', `${factorsUrl}/${id}`))).toBe('409 last_factor');
  });

  it('is removed by the link "not me" only until it is used', async () => {
    const [unused, used] = [await addPasskey(world, person), await addPasskey(world, await world.person())];
    expect(unused.id).not.toBe(used.id);
    const link = /#\S+/.exec((await world.mail(person.email)).text)?.[0] ?? '';
    await world.call('POST', `${users}/email/verification/rejection`, {
      body: { token: decodeURIComponent(link.slice(1)) },
    });
    expect(problem(await signInByPasskey(world, unused))).toBe('401 invalid_credentials');
    expect((await signInByPasskey(world, used)).statusCode).toBe(201);
  });

  it('is removed by the link "not me" also after a re-authentication with it', async () => {
    const passkey = await addPasskey(world, person);
    const link = /#\S+/.exec((await world.mail(person.email)).text)?.[0] ?? '';
    const options = await optionsOf(world, 'reauthenticationOptions', person);
    const renewed = await call('POST', `${users}/me/reauthentication`, { assertion: assertion(passkey, options) });
    expect(renewed.statusCode).toBe(200);
    const body = { token: decodeURIComponent(link.slice(1)) };
    await world.call('POST', `${users}/email/verification/rejection`, { body });
    expect(problem(await signInByPasskey(world, passkey))).toBe('401 invalid_credentials');
  });

  it('is in the export of the account, without its key', async () => {
    const { id } = await addPasskey(world, person);
    const exported = await call('GET', `${users}/me/export`);
    expect(exported.json()).toMatchObject({ factors: [{ id, kind: 'passkey', name: 'Laptop' }] });
  });
});

describe('passkeys in an app that requires a second factor', () => {
  beforeEach(() => setPolicy(world, 'required'));

  it('the first passkey after a sign-in with a password is confirmed by the mailbox, too', async () => {
    person = await world.signIn(person.email);
    const options = await begin();
    const credential = registration(createPasskey(), options);
    expect(problem(await register(credential))).toBe('400 code_invalid');
    await call('POST', `${users}/me/reauthentication-request`);
    const { code: verificationCode } = await world.mail(person.email);
    expect((await register(credential, { verificationCode })).statusCode).toBe(201);
    expect((await call('GET', `${users}/me`)).statusCode).toBe(200);
  });

  it('a session by a passkey alone is an ordinary one', async () => {
    await setPolicy(world, 'optional');
    const passkey = await addPasskey(world, person);
    await setPolicy(world, 'required');
    const { sessionToken } = (await signInByPasskey(world, passkey)).json<{ sessionToken: string }>();
    expect((await call('GET', `${users}/me`, undefined, sessionToken)).statusCode).toBe(200);
  });
});

describe('the relying party of an app', () => {
  const change = (party: object | null) =>
    call('PATCH', settingsUrl, { mfa: { relyingParty: party } }, world.admin.token);
  beforeEach(async () => {
    world = await createWorld(test);
    person = await world.person();
  });

  it('is kept when the policy changes', async () => {
    expect((await change(relyingParty)).json()).toMatchObject({ mfa: { policy: 'optional', relyingParty } });
    const changed = await call('PATCH', settingsUrl, { mfa: { policy: 'off' } }, world.admin.token);
    expect(changed.json()).toMatchObject({ mfa: { policy: 'off', relyingParty } });
  });

  it('may have native apps as origins, which can then register', async () => {
    const origin = `android:apk-key-hash:${'A'.repeat(43)}`;
    expect((await change({ id: 'example.com', origins: [origin] })).statusCode).toBe(200);
    const credential = registration(createPasskey(), await begin(), { origin });
    expect((await register(credential, await confirmation(world, person))).statusCode).toBe(201);
  });

  it('may be localhost in development', async () => {
    expect((await change({ id: 'localhost', origins: ['http://localhost:5173'] })).statusCode).toBe(200);
  });

  it.each([
    ['an id with a port', { id: 'example.com:8443', origins: ['https://example.com:8443'] }, 'id'],
    ['a URL as id', { id: 'https://example.com', origins: ['https://example.com'] }, 'id'],
    ['a top-level domain', { id: 'com', origins: ['https://example.com'] }, 'id'],
    ['an address', { id: '127.0.0.1', origins: ['http://127.0.0.1'] }, 'id'],
    ['upper case', { id: 'Example.com', origins: ['https://example.com'] }, 'id'],
    ['an origin of another domain', { id: 'example.com', origins: ['https://example.org'] }, 'origins/0'],
    ['an origin that only ends alike', { id: 'example.com', origins: ['https://notexample.com'] }, 'origins/0'],
    ['an origin with a path', { id: 'example.com', origins: ['https://example.com/'] }, 'origins/0'],
    ['plain http', { id: 'example.com', origins: ['http://example.com'] }, 'origins/0'],
    ['an incomplete hash', { id: 'example.com', origins: ['android:apk-key-hash:AAAA'] }, 'origins/0'],
    ['no origin', { id: 'example.com', origins: [] }, 'origins'],
  ])('is refused with %s', async (_, party, place) => {
    const refused = await change(party);
    expect(Object.keys(faults(refused))).toEqual([`/body/mfa/relyingParty/${place}`]);
  });

  it('keeps its id while the app has passkeys', async () => {
    await change(relyingParty);
    const { id } = await addPasskey(world, person);
    await world.reauthenticate();
    for (const party of [{ id: 'app.example.com', origins: ['https://app.example.com'] }, null]) {
      expect(problem(await change(party))).toBe('409 relying_party_in_use');
    }
    const origins = ['https://app.example.com', 'https://example.com'];
    expect((await change({ id: 'example.com', origins })).statusCode).toBe(200);
    await call('DELETE', `${factorsUrl}/${id}`);
    expect((await change(null)).statusCode).toBe(200);
  });

  it('needs a recent authentication to change', async () => {
    await change(relyingParty);
    test.clock.advance(600_001);
    expect((await change(relyingParty)).statusCode).toBe(200);
    expect(problem(await change({ ...relyingParty, origins: ['https://example.com'] }))).toBe(
      '401 reauthentication_required',
    );
  });
});
