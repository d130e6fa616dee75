import { createHash } from 'node:crypto';
import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { goThrough, redeem, registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type Person, type World } from '../test/world/world.ts';

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

const at = (page: string, query: Readonly<Record<string, string>> = {}) =>
  `/apps/${world.appName}/${page}?${new URLSearchParams(query).toString()}`;
const codeOf = (html: string) => /data-code="(\w+)"/.exec(html)?.[1];
const signIn = (person: { email: string }) => signInOnPages(world, person);

/** Makes the authentication of all sessions too old to count as recent. */
const wait = () => test.db.query(sql`UPDATE sessions SET authenticated_at = authenticated_at - interval '1 hour'`);

const isThere = async ({ userId }: Person): Promise<boolean> =>
  (await test.db.query(sql`SELECT 1 FROM users WHERE app_id = ${world.appId} AND id = ${userId}`)).length > 0;

describe.each(['account/email', 'account/identities', 'account/api-keys', 'account/data'])('the page %s', (path) => {
  it('is linked from the account, and only for people who are signed in', async () => {
    const visitor = await signIn(await world.person());
    expect((await visitor.open(at('account'))).html).toContain(`/${path}"`);
    expect((await visitor.open(at(path))).status).toBe(200);
    expect((await createVisitor(test).open(at(path))).path).toContain('/sign-in');
  });

  it('takes no form without its token', async () => {
    const person = await world.person();
    const visitor = await signIn(person);
    for (const step of ['delete', 'export', 'create', 'request', 'unlink', 'revoke']) {
      const form = { step, sure: 'on', newEmail: 'eve@example.com', name: 'x', form_token: 'x'.repeat(43) };
      const answer = await visitor.post(at(path), form);
      expect([step, answer.status, answer.text.includes('open for too long')]).toEqual([step, 400, true]);
    }
    expect(await isThere(person)).toBe(true);
  });
});

describe('the change of the address', () => {
  it('needs the code of the new mailbox', async () => {
    const person = await world.person({ verified: true });
    const visitor = await signIn(person);
    await visitor.open(at('account/email'));
    const { text } = await visitor.press('Continue', { newEmail: 'new@example.com' });
    expect(text).toContain('The code is in the mail. Change the address');
    const refused = await visitor.press('Change the address', { code: 'AAAAAAA' });
    expect([refused.status, codeOf(refused.html)]).toEqual([400, 'code_invalid']);
    const { code = '' } = await world.mail('new@example.com');
    const account = await visitor.press('Change the address', { code });
    expect(account.text).toContain('Your address is changed.');
    expect(account.text).toContain('new@example.com Verified');
  });

  it('keeps the new address while the person confirms again', async () => {
    const visitor = await signIn(await world.person({ verified: true }));
    await wait();
    await visitor.open(at('account/email'));
    expect((await visitor.press('Continue', { newEmail: 'new@example.com' })).status).toBe(401);
    const wrong = await visitor.press('Continue', { currentPassword: 'wrong-password' });
    expect(wrong.status).toBe(403);
    const again = await visitor.press('Continue', { currentPassword: password });
    expect(again.text).toContain('Confirmed. Now try again.');
    expect(again.forms.find(({ fields }) => fields.includes('newEmail'))?.values).toMatchObject({
      newEmail: 'new@example.com',
    });
    expect((await visitor.press('Continue')).text).toContain('If new@example.com can be used');
  });

  it('looks the same for an address that somebody has', async () => {
    const { email } = await world.person({ verified: true });
    const visitor = await signIn(await world.person({ verified: true }));
    await visitor.open(at('account/email'));
    expect((await visitor.press('Continue', { newEmail: email })).text).toContain(`If ${email} can be used`);
    await visitor.open(at('account/email'));
    const faulty = await visitor.press('Continue', { newEmail: 'new' });
    expect(faulty.text).toContain('Enter a complete email address.');
  });
});

describe('the export', () => {
  it('is a file with the data of the person', async () => {
    const person = await world.person();
    const visitor = await signIn(person);
    await visitor.open(at('account/data'));
    const { headers, html } = await visitor.press('Download');
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-disposition': `attachment; filename="${world.appName}-account.json"`,
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
    });
    expect(JSON.parse(html)).toMatchObject({ user: { id: person.userId, email: person.email } });
  });

  it('asks people with an old session to confirm again, also with a mailed code', async () => {
    const person = await world.person({ verified: true });
    const visitor = await signIn(person);
    await wait();
    await visitor.open(at('account/data'));
    const refused = await visitor.press('Download');
    expect([refused.status, codeOf(refused.html)]).toEqual([401, 'reauthentication_required']);
    const { text } = await visitor.press('Send a code by mail');
    expect(text).toContain('The code is in the mail. Continue');
    const { code = '' } = await world.mail(person.email);
    expect((await visitor.press('Continue', { code })).text).toContain('Confirmed. Now try again.');
    expect((await visitor.press('Download')).headers['content-disposition']).toContain('attachment');
  });
});

describe('the deletion', () => {
  it('needs a tick, deletes the account and ends the session', async () => {
    const person = await world.person();
    const visitor = await signIn(person);
    await visitor.open(at('account/data'));
    expect((await visitor.press('Delete account')).text).toContain('Confirm that you want to delete your account.');
    expect(await isThere(person)).toBe(true);
    expect((await visitor.press('Delete account', { sure: 'on' })).text).toContain('Your account is deleted.');
    expect(await isThere(person)).toBe(false);
    expect((await visitor.open(at('account'))).path).toContain('/sign-in');
  });

  it.each([
    [
      'the last owner',
      async () => {
        const owner = await world.person();
        await world.organization(owner);
        return owner;
      },
      'last_owner',
    ],
    ['the last super admin', async () => world.admin, 'last_super_admin'],
  ])('is refused to %s', async (_, who, code) => {
    const visitor = await signIn(await who());
    await visitor.open(at('account/data'));
    const refused = await visitor.press('Delete account', { sure: 'on' });
    expect([refused.status, codeOf(refused.html)]).toEqual([409, code]);
  });

  it('needs a recent authentication', async () => {
    const person = await world.person();
    const visitor = await signIn(person);
    await wait();
    await visitor.open(at('account/data'));
    expect((await visitor.press('Delete account', { sure: 'on' })).status).toBe(401);
    expect(await isThere(person)).toBe(true);
  });
});

describe('API keys', () => {
  it('are shown once, listed, and revoked', async () => {
    const orgId = await world.organization(await world.person(), { name: '<i>Acme</i>' });
    const person = await world.member(orgId, 'reader');
    const visitor = await signIn(person);
    const offer = await visitor.open(at('account/api-keys'));
    expect(offer.html).not.toContain('<i>');
    await visitor.open(at('account/api-keys', { org: orgId }));
    const made = await visitor.press('Create a key', { name: '<b>laptop</b>', days: '30' });
    expect(made.text).toMatch(/gh_k_[\w-]{40,}/);
    const list = await visitor.open(at('account/api-keys'));
    expect(list.text).toContain('<b>laptop</b>');
    expect(list.html).not.toContain('<b>laptop');
    expect(list.text).not.toMatch(/gh_k_/);
    expect(list.text).toContain('Valid until');
    expect((await visitor.press('Revoke')).text).toContain('The key no longer works.');
  });

  it('grant no role that the person lacks, also in organizations of others', async () => {
    const orgId = await world.organization(await world.person());
    const foreign = await world.organization(await world.person());
    const visitor = await signIn(await world.member(orgId, 'reader'));
    const { forms } = await visitor.open(at('account/api-keys', { org: orgId }));
    const { values = {} } = forms.find(({ button }) => button === 'Create a key') ?? {};
    const form = { ...values, name: 'x' };
    for (const change of [{ role_writer: 'on' }, { org: foreign }, { org: 'x' }]) {
      const refused = await visitor.post(at('account/api-keys'), { ...form, ...change });
      expect([change, refused.status >= 400, /gh_k_/.test(refused.text)]).toEqual([change, true, false]);
    }
  });

  it('a user cannot revoke the keys of others', async () => {
    const visitor = await signIn(await world.person());
    await visitor.open(at('account/data'));
    const { forms } = await visitor.open(at('account/data'));
    const { form_token = '' } = forms[0]?.values ?? {};
    const refused = await visitor.post(at('account/api-keys'), { step: 'revoke', key: '1', form_token });
    expect([refused.status, codeOf(refused.html)]).toEqual([404, 'api_key_not_found']);
  });
});

describe('linked accounts', () => {
  let provider: TestProvider;

  beforeAll(async () => {
    provider = await TestProvider.start();
  });
  afterAll(async () => {
    await provider?.stop();
  });

  /** A person with a linked account, and their browser. */
  async function linked() {
    const person = await world.person({ verified: true });
    const idpId = await registerProvider(world, provider, { name: '<u>SSO</u>' });
    provider.person = { sub: person.userId };
    const codeVerifier = 'v'.repeat(43);
    const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url');
    const back = await goThrough(world, provider, idpId, { codeChallenge });
    expect((await redeem(world, back, { token: person.token, codeVerifier })).statusCode).toBe(200);
    return { person, visitor: await signIn(person) };
  }

  it('are listed and unlinked', async () => {
    const { visitor } = await linked();
    const list = await visitor.open(at('account/identities'));
    expect(list.text).toContain('<u>SSO</u>');
    expect(list.html).not.toContain('<u>');
    const after = await visitor.press('Unlink');
    expect(after.text).toContain('You can no longer sign in with this account.');
    expect(after.text).toContain('No account is linked.');
  });

  it('the last sign-in method and accounts of other people cannot be unlinked', async () => {
    const { person, visitor } = await linked();
    await test.db.query(sql`UPDATE users SET password_hash = NULL WHERE id = ${person.userId}`);
    const { forms } = await visitor.open(at('account/identities'));
    const refused = await visitor.press('Unlink');
    expect([refused.status, codeOf(refused.html)]).toEqual([409, 'last_sign_in_method']);
    const eve = await signIn(await world.person());
    const own = (await eve.open(at('account/identities'))).forms[0]?.values ?? {};
    const form = { ...forms.find(({ button }) => button === 'Unlink')?.values, form_token: own['form_token'] ?? '' };
    const foreign = await eve.post(at('account/identities'), form);
    expect([foreign.status, codeOf(foreign.html)]).toEqual([404, 'identity_not_found']);
  });
});
