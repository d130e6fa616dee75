import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { setMfa } from '../test/world/browsers.ts';
import { enrol, nextCode } from '../test/world/factors.ts';
import {
  addPasskey,
  assertion,
  createPasskey,
  optionsOf,
  type OwnPasskey,
  refusedDeviations,
  setRelyingParty,
} from '../test/world/passkeys.ts';
import {
  optionsFor,
  own,
  passwordFirst,
  startPasskeyPages,
  usePasskey,
  type Visitor,
} from '../test/world/page-passkeys.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

const settingsUrl = '/v1/authorization/apps/settings';

let db: UndoableDb;
let test: TestApp;
let world: World;

startPasskeyPages((pages) => void ({ db, test, world } = pages));

const at = (page: string) => `/apps/${world.appName}/${page}`;
const settings = (body: object) => world.call('PATCH', settingsUrl, { token: world.admin.token, body });
const sessionOf = ({ jar }: Visitor) => jar.get(`__Host-session-token-${world.appName}`);

async function withPasskey(): Promise<{ person: Person; passkey: OwnPasskey }> {
  const person = await world.person({ verified: true });
  return { person, passkey: await addPasskey(world, person, createPasskey(), own) };
}

describe('passkeys on pages without a setting', () => {
  it('the passkeys of an app are for the host of the service', async () => {
    expect(await optionsOf(world, 'signInOptions', { body: {} })).toMatchObject({ rpId: 'id.example' });
  });

  it('an app without hosted pages has no passkeys', async () => {
    await settings({ hostedPages: false });
    const { html } = await createVisitor(test).open(at('sign-in'));
    expect(html).not.toContain('data-passkey');
    const refused = await world.call('POST', '/v1/authentication/users/sessions/passkey/options', { body: {} });
    expect(problem(refused)).toBe('409 relying_party_missing');
  });

  it('the domain and the pages cannot be removed while people have passkeys', async () => {
    await withPasskey();
    await world.reauthenticate(world.admin);
    const party = { id: 'product.example', origins: ['https://product.example'] };
    expect(problem(await settings({ mfa: { relyingParty: party } }))).toBe('409 relying_party_in_use');
    expect(problem(await settings({ hostedPages: false }))).toBe('409 relying_party_in_use');
    const same = { id: 'id.example', origins: ['https://id.example'] };
    expect((await settings({ mfa: { relyingParty: same } })).statusCode).toBe(200);
  });

  it.each(['http://192.0.2.1:3000', 'https://192.0.2.1', 'http://id.example'])(
    'pages at %s, where browsers refuse passkeys, offer none',
    async (url) => {
      const elsewhere = await buildTestApp({ db, env: { PUBLIC_URL: url } });
      const { html } = await createVisitor(elsewhere).open(at('sign-in'));
      expect(html).not.toContain('data-passkey');
      await elsewhere.app.close();
    },
  );

  it('pages at 127.0.0.1 use the passkeys of localhost', async () => {
    const local = await buildTestApp({ db, env: { PUBLIC_URL: 'http://127.0.0.1:3000' } });
    expect((await createVisitor(local).open(at('sign-in'))).html).toContain('data-passkey');
    await local.app.close();
  });
});

describe('passkeys on pages with a relying party', () => {
  it.each([
    ['above the service', { id: 'example', origins: ['https://example'] }, true],
    ['of the service', { id: 'id.example', origins: ['https://app.id.example'] }, true],
    ['elsewhere', { id: 'product.example', origins: ['https://product.example'] }, false],
    ['whose name ends like that of the service', { id: 'd.example', origins: ['https://d.example'] }, false],
  ])('%s, the pages offer passkeys only if browsers accept them', async (_, party, isOffered) => {
    await setRelyingParty(world, party);
    expect((await createVisitor(test).open(at('sign-in'))).html.includes('data-passkey')).toBe(isOffered);
  });

  it('people with a passkey use a recovery code on other hosts, and the page explains why', async () => {
    const { person, passkey } = await withPasskey();
    await setRelyingParty(world, { id: 'product.example', origins: ['https://product.example'] });
    const visitor = createVisitor(test);
    const { text } = await passwordFirst(world, visitor, person.email);
    expect(text).toContain('Your second factor is a passkey, which does not work on this page.');
    await visitor.press('Verify', { recoveryCode: passkey.recoveryCodes[0] ?? '' });
    expect(sessionOf(visitor)).toBeDefined();
  });
});

describe('the sign-in', () => {
  it('is possible with a passkey alone', async () => {
    const { passkey } = await withPasskey();
    const visitor = createVisitor(test);
    const visit = await visitor.open(at('sign-in'));
    expect((await usePasskey(test, visitor, visit, { passkey })).path).toBe(at('account'));
    expect(visitor.jar.has(`__Host-page-${world.appName}`)).toBe(true);
  });

  it('names the passkeys of the address that was entered, and looks the same for every address', async () => {
    const { person, passkey } = await withPasskey();
    const visitor = createVisitor(test);
    await visitor.open(at('sign-in'));
    const visit = await visitor.press('Continue', { email: person.email });
    expect((await optionsFor(test, visitor, visit)).allowCredentials).toHaveLength(3);
    expect((await usePasskey(test, visitor, visit, { passkey })).path).toBe(at('account'));

    const stranger = createVisitor(test);
    await stranger.open(at('sign-in'));
    const other = await stranger.press('Continue', { email: 'nobody@example.com' });
    expect((await optionsFor(test, stranger, other)).allowCredentials).toHaveLength(3);
    expect(other.forms.map(({ button }) => button)).toEqual(visit.forms.map(({ button }) => button));
  });

  it.each(refusedDeviations)('is refused with a passkey %s', async (_, deviation) => {
    const { passkey } = await withPasskey();
    const visitor = createVisitor(test);
    const visit = await visitor.open(at('sign-in'));
    const { status, text, html } = await usePasskey(test, visitor, visit, { passkey, deviation });
    expect([status, /data-code="(\w+)"/.exec(html)?.[1]]).toEqual([401, 'invalid_credentials']);
    expect(text).toContain('The passkey was not accepted.');
    expect(sessionOf(visitor)).toBeUndefined();
  });

  it('is refused with a passkey of another app on the same host', async () => {
    const { passkey } = await withPasskey();
    const other = await createWorld(test);
    const visitor = createVisitor(test);
    const visit = await visitor.open(`/apps/${other.appName}/sign-in`);
    expect((await usePasskey(test, visitor, visit, { passkey })).status).toBe(401);
  });

  it.each(['', 'x', '[]', '"x"', '1', 'null', '{"id":1}', '{"__proto__":{"id":"x"}}', '{'])(
    'shows the page again for the result %s',
    async (credential) => {
      const visitor = createVisitor(test);
      const { forms } = await visitor.open(at('sign-in'));
      const values = forms.find((form) => 'credential' in form.values)?.values;
      const { status, text } = await visitor.post(at('sign-in'), { ...values, credential });
      expect([status, text]).toEqual([
        credential === '' ? 200 : 400,
        expect.stringContaining(credential === '' ? 'Passkeys need JavaScript' : 'The passkey was not accepted.'),
      ]);
    },
  );

  it('accepts no result from another site or another browser', async () => {
    const { passkey } = await withPasskey();
    const attacker = createVisitor(test);
    const visit = await attacker.open(at('sign-in'));
    const response = assertion(passkey, await optionsFor(test, attacker, visit), own);
    const form = visit.forms.find(({ values }) => 'credential' in values);
    const sent = { ...form?.values, credential: JSON.stringify(response) };
    const victim = createVisitor(test);
    await victim.open(at('sign-in'));
    expect((await victim.post(at('sign-in'), sent)).status).toBe(400);
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    expect((await attacker.post(at('sign-in'), sent, foreign)).status).toBe(403);
    expect([sessionOf(victim), sessionOf(attacker)]).toEqual([undefined, undefined]);
  });

  it('works in an app that allows no other method', async () => {
    const { person, passkey } = await withPasskey();
    await world.reauthenticate(world.admin);
    await settings({ signInMethods: ['passkey'] });
    const visitor = createVisitor(test);
    await visitor.open(at('sign-in'));
    const visit = await visitor.press('Continue', { email: person.email });
    expect(visit.forms.flatMap(({ fields }) => fields)).toEqual([]);
    expect((await usePasskey(test, visitor, visit, { passkey })).path).toBe(at('account'));
  });

  it('the sign-in page offers no passkey if the app does not allow passkeys', async () => {
    await world.reauthenticate(world.admin);
    await settings({ signInMethods: ['password'] });
    expect((await createVisitor(test).open(at('sign-in'))).html).not.toContain('data-passkey');
  });

  it('keeps the address of the product', async () => {
    const target = 'https://app.example.com/start';
    await settings({ redirectUrls: [target] });
    const { passkey } = await withPasskey();
    const visitor = createVisitor(test);
    const visit = await visitor.open(`${at('sign-in')}?return_to=${encodeURIComponent(target)}`);
    const { html } = await usePasskey(test, visitor, visit, { passkey });
    expect(html).toContain(`content="0;url=${target}"`);
  });
});

describe('the second factor', () => {
  it('can be a passkey', async () => {
    const { person, passkey } = await withPasskey();
    const visitor = createVisitor(test);
    const visit = await passwordFirst(world, visitor, person.email);
    expect(visit.forms.map(({ button }) => button)).toEqual(['Use a passkey', 'Use a recovery code']);
    expect((await usePasskey(test, visitor, visit, { passkey, deviation: { isUserVerified: false } })).path).toBe(
      at('account'),
    );
  });

  it.each(refusedDeviations)('is refused with a passkey %s', async (_, deviation) => {
    const { person, passkey } = await withPasskey();
    const visitor = createVisitor(test);
    const visit = await passwordFirst(world, visitor, person.email);
    const { text, status } = await usePasskey(test, visitor, visit, { passkey, deviation });
    expect([status, text]).toEqual([400, expect.stringContaining('The passkey was not accepted.')]);
    expect(sessionOf(visitor)).toBeUndefined();
  });

  it('cannot be the passkey of another person', async () => {
    const { person } = await withPasskey();
    const eve = await withPasskey();
    const visitor = createVisitor(test);
    const visit = await passwordFirst(world, visitor, person.email);
    expect((await usePasskey(test, visitor, visit, { passkey: eve.passkey })).status).toBe(400);
    expect(sessionOf(visitor)).toBeUndefined();
  });

  it('the page leads to each of several authenticator apps', async () => {
    const { person } = await withPasskey();
    await world.reauthenticate(person);
    const phone = await enrol(world, person);
    const visitor = createVisitor(test);
    await passwordFirst(world, visitor, person.email);
    await visitor.press('Use the authenticator app');
    expect((await visitor.press('Verify', { code: nextCode(world, phone) })).path).toBe(at('account'));
  });

  it('can be a mailed code, which is sent only when it is asked for', async () => {
    const person = await world.person({ verified: true });
    await enrol(world, person);
    await setMfa(world, { factors: ['totp', 'passkey', 'email'], rememberDays: 30 });
    const visitor = createVisitor(test);
    await passwordFirst(world, visitor, person.email);
    const before = (await world.mails(person.email)).length;
    const address = `${person.email[0]}…@example.com`;
    const sent = await visitor.press(`Send a code to ${address}`);
    expect(sent.text).toContain(`We sent a code to ${address}`);
    expect(sent.text).not.toContain('Do not ask again');
    expect(await world.mails(person.email)).toHaveLength(before + 1);
    expect((await visitor.press('Verify', { code: 'ABCDEFG' })).status).toBe(400);
    const { code = '' } = await world.mail(person.email);
    expect((await visitor.press('Verify', { code })).path).toBe(at('account'));
  });

  it('a form with changed factors offers only the recovery code', async () => {
    const { person } = await withPasskey();
    const visitor = createVisitor(test);
    const { forms } = await passwordFirst(world, visitor, person.email);
    for (const factors of ['', 'x', '{}', '[1]', '[{"id":"1","kind":"none","name":"x"}]']) {
      const { text, status } = await visitor.post(at('sign-in'), { ...forms[1]?.values, factors, factor: '1' });
      expect([factors, status, text]).toEqual([factors, 200, expect.stringContaining('Recovery code')]);
    }
    expect(sessionOf(visitor)).toBeUndefined();
  });
});

describe('a device', () => {
  const remembered = ({ jar }: Visitor) => jar.has(`__Host-remembered-device-${world.appName}`);

  it.each([
    ['passkey', { remember: 'yes' }, true],
    ['passkey', {}, false],
  ])('is remembered after a %s with %o: %s', async (_, fields, isRemembered) => {
    const { person, passkey } = await withPasskey();
    await setMfa(world, { rememberDays: 30 });
    const visitor = createVisitor(test);
    const visit = await passwordFirst(world, visitor, person.email);
    expect(visit.text).toContain('Do not ask again on this device for 30 days');
    await usePasskey(test, visitor, visit, { passkey, fields });
    expect(remembered(visitor)).toBe(isRemembered);
    await visitor.press('Sign out');
    const again = await passwordFirst(world, visitor, person.email);
    expect(again.path === at('account')).toBe(isRemembered);
  });

  it('is not remembered if the app disables it, or after a recovery code', async () => {
    const { person, passkey } = await withPasskey();
    const visitor = createVisitor(test);
    const visit = await passwordFirst(world, visitor, person.email);
    expect(visit.text).not.toContain('Do not ask again');
    await usePasskey(test, visitor, visit, { passkey, fields: { remember: 'yes' } });
    expect(remembered(visitor)).toBe(false);
    await setMfa(world, { rememberDays: 30 });
    const other = createVisitor(test);
    await passwordFirst(world, other, person.email);
    expect((await other.press('Use a recovery code')).text).not.toContain('Do not ask again');
  });
});

describe('the script', () => {
  const scriptOf = async () =>
    /src="(\/pages\/[^"]+)"/.exec((await createVisitor(test).open(at('sign-in'))).html)?.[1] ?? '';

  it('is small, and cached by its content', async () => {
    const { headers, body } = await test.app.inject({ url: await scriptOf() });
    expect(headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
    });
    expect(headers['set-cookie']).toBeUndefined();
    expect(gzipSync(body).length).toBeLessThan(6000);
  });

  it.each(['/pages/scalar.js', '/pages/passkeys.js', '/pages/passkeys-0000000000000000.js', '/pages/..%2fconfig.js'])(
    'the directory has no other file, not even %s',
    async (url) => {
      expect((await test.app.inject({ url })).statusCode).toBe(404);
    },
  );
});
