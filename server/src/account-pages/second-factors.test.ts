import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { beginByMail, enrol, fromBase32, nextCode } from '../test/world/factors.ts';
import { addPasskey, setRelyingParty } from '../test/world/passkeys.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

let db: UndoableDb;
let test: TestApp;
let world: World;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test);
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

const at = (page: string) => `/apps/${world.appName}/${page}`;

describe('the second factors', () => {
  async function signIn() {
    const person = await world.person({ verified: true });
    const visitor = createVisitor(test);
    await visitor.open(at('sign-in'));
    await visitor.press('Continue', { email: person.email });
    await visitor.press('Sign in', { password });
    return { person, visitor };
  }

  async function enrolOn(visitor: ReturnType<typeof createVisitor>, email: string) {
    const { html } = await visitor.press('Add an authenticator app');
    const secret = fromBase32(/<code dir="ltr">([A-Z2-7 ]+)</.exec(html)?.[1]?.replaceAll(' ', '') ?? '');
    const { code: verificationCode = '' } = await world.mail(email);
    expect((await visitor.press('Verify', { code: '000000', verificationCode })).status).toBe(400);
    return visitor.press('Verify', { code: nextCode(world, { secret }), verificationCode });
  }

  it('are added with a code of the authenticator app and a mailed code, which creates recovery codes', async () => {
    const { person, visitor } = await signIn();
    await visitor.open(at('account/second-factors'));
    const { html } = await enrolOn(visitor, person.email);
    expect(html.match(/[A-Z2-9]{6}-[A-Z2-9]{6}-[A-Z2-9]{6}/g)).toHaveLength(10);
    expect((await visitor.open(at('account/second-factors'))).text).toContain('Unused codes: 10');
    expect((await visitor.press('Remove')).text).toContain('The second factor is removed.');
  });

  it('can be changed after a sign-in with a recovery code, but nothing else can', async () => {
    const person = await world.person({ verified: true });
    const { recoveryCodes } = await enrol(world, person);
    const visitor = createVisitor(test);
    await visitor.open(at('sign-in'));
    await visitor.press('Continue', { email: person.email });
    await visitor.press('Sign in', { password });
    await visitor.press('Use a recovery code');
    const { path, text } = await visitor.press('Verify', { recoveryCode: recoveryCodes[0] ?? '' });
    expect(path).toContain('/account/second-factors');
    expect(text).toContain('In this session you can only change your second factors. Add one that you can use');
    expect(text).toContain('Unused codes: 9');
    expect((await visitor.press('Add an authenticator app')).text).toContain('Scan this picture');
    expect((await visitor.open(at('account'))).path).toContain('/account/second-factors');
  });

  it('are required before the redirect to the product, if the app requires them', async () => {
    const target = 'https://app.example.com/start';
    const person = await world.person({ verified: true });
    const body = { redirectUrls: [target], mfa: { policy: 'required', graceDays: 0 } };
    await enrol(world, world.admin);
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    const visitor = createVisitor(test);
    await visitor.open(`${at('sign-in')}?return_to=${encodeURIComponent(target)}`);
    await visitor.press('Continue', { email: person.email });
    const { text } = await visitor.press('Sign in', { password });
    expect(text).toContain('requires a second factor. Add one before you go on.');
    await enrolOn(visitor, person.email);
    const { html } = await visitor.open(`${at('continue')}?return_to=${encodeURIComponent(target)}`);
    expect(html).toContain(`content="0;url=${target}"`);
  });

  it('do not request a code of an authenticator app if a passkey is needed', async () => {
    const { person, visitor } = await signIn();
    await setRelyingParty(world);
    const token = visitor.jar.get('session-token') ?? '';
    await beginByMail(world, { token });
    await addPasskey(world, { ...person, token });
    await test.db.query(sql`
      UPDATE sessions SET factor_at = NULL, strong_factor_at = NULL WHERE app_id = ${world.appId}`);
    await visitor.open(at('account/second-factors'));
    const { text, forms } = await visitor.press('Add an authenticator app');
    expect(text).toContain('passkey, which does not work on this page.');
    expect(forms.flatMap(({ fields }) => fields)).toEqual([]);
  });

  it('ask for recent authentication', async () => {
    const { visitor } = await signIn();
    test.clock.advance(20 * 60_000);
    await visitor.open(at('account/second-factors'));
    expect((await visitor.press('Add an authenticator app')).text).toContain('Confirm that it is you, then try again.');
    await visitor.press('Continue', { currentPassword: password });
    expect((await visitor.press('Add an authenticator app')).text).toContain('Scan this picture');
  });
});
