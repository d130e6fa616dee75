import { describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import type { TestApp } from '../test/setup.ts';
import { setMfa } from '../test/world/browsers.ts';
import {
  optionsFor,
  own,
  passwordFirst,
  sendCredential,
  startPasskeyPages,
  usePasskey,
  type Visit,
  type Visitor,
} from '../test/world/page-passkeys.ts';
import { createPasskey, registration } from '../test/world/passkeys.ts';
import { createVisitor } from '../test/world/visitor.ts';
import type { World } from '../test/world/world.ts';

let test: TestApp;
let world: World;

startPasskeyPages((pages) => void ({ test, world } = pages));

const at = (page: string) => `/apps/${world.appName}/${page}`;

describe('the second factors', () => {
  async function signIn() {
    const person = await world.person({ verified: true });
    const visitor = createVisitor(test);
    await passwordFirst(world, visitor, person.email);
    await visitor.open(at('account/second-factors'));
    return { person, visitor };
  }

  async function makePasskey(visitor: Visitor, visit: Visit, fields: object) {
    const passkey = createPasskey();
    const credential = registration(passkey, await optionsFor(test, visitor, visit), own);
    const answer = await sendCredential(visitor, visit, 'Create the passkey', credential, fields);
    return { passkey: Object.assign(passkey, { id: '', recoveryCodes: [] }), answer };
  }

  it('get a passkey with a mailed code, which creates recovery codes', async () => {
    const { person, visitor } = await signIn();
    const visit = await visitor.press('Add a passkey');
    const { code: verificationCode = '' } = await world.mail(person.email);
    const { answer } = await makePasskey(visitor, visit, { name: 'Laptop', verificationCode });
    expect(answer.html.match(/[A-Z2-9]{6}-[A-Z2-9]{6}-[A-Z2-9]{6}/g)).toHaveLength(10);
    expect((await visitor.open(at('account/second-factors'))).text).toContain('Laptop Passkey ·');
  });

  it('keep the new passkey while the code of the mail is wrong', async () => {
    const { person, visitor } = await signIn();
    const visit = await visitor.press('Add a passkey');
    const { answer } = await makePasskey(visitor, visit, { name: 'Laptop', verificationCode: 'ABCDEFG' });
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('The code is wrong or expired.')]);
    const form = answer.forms.find(({ button }) => button === 'Create the passkey');
    expect(form?.values).toMatchObject({
      name: 'Laptop',
      verificationCode: '',
      credential: expect.stringMatching(/^\{/),
    });
    const { code = '' } = await world.mail(person.email);
    expect((await visitor.press('Create the passkey', { verificationCode: code })).text).toContain('Recovery codes');
  });

  it('make the passkey again if it was refused', async () => {
    const { person, visitor } = await signIn();
    const visit = await visitor.press('Add a passkey');
    const { code: verificationCode = '' } = await world.mail(person.email);
    const credential = registration(createPasskey(), await optionsFor(test, visitor, visit));
    const answer = await sendCredential(visitor, visit, 'Create the passkey', credential, { verificationCode });
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('The passkey was not accepted.')]);
    expect(answer.forms[0]?.values['credential']).toBe('');
  });

  it('ask for recent authentication with the passkey', async () => {
    const { person, visitor } = await signIn();
    const visit = await visitor.press('Add a passkey');
    const { code: verificationCode = '' } = await world.mail(person.email);
    const { passkey } = await makePasskey(visitor, visit, { verificationCode });
    test.clock.advance(20 * 60_000);
    await visitor.open(at('account/second-factors'));
    const refused = await visitor.press('Remove');
    expect(refused.text).toContain('Confirm that it is you, then try again.');
    expect(
      (await usePasskey(test, visitor, refused, { passkey, deviation: { origin: 'https://evil.example' } })).status,
    ).toBe(400);
    expect((await usePasskey(test, visitor, refused, { passkey })).text).toContain('Confirmed. Now try again.');
    expect((await visitor.press('Remove')).text).toContain('The second factor is removed.');
  });

  it('refuse a change of the address without the passkey, also after another factor', async () => {
    const { person, visitor } = await signIn();
    const visit = await visitor.press('Add a passkey');
    const { code: verificationCode = '' } = await world.mail(person.email);
    const { passkey } = await makePasskey(visitor, visit, { verificationCode });
    // Makes the session one in which only an authenticator app was used.
    await test.db.query(sql`UPDATE sessions SET factor_at = ${test.clock.now()}, strong_factor_at = NULL`);
    await visitor.open(at('account/email'));
    const newEmail = 'new@example.com';
    const refused = await visitor.press('Continue', { newEmail });
    expect(refused.text).toContain('Confirm that it is you, then try again.');
    expect(refused.text).not.toContain('Current password');
    expect(await world.mails(newEmail)).toEqual([]);
    expect((await usePasskey(test, visitor, refused, { passkey })).text).toContain('Confirmed. Now try again.');
    expect((await visitor.press('Continue')).text).toContain(newEmail);
    const { code = '' } = await world.mail(newEmail);
    expect((await visitor.press('Change the address', { code })).text).toContain(newEmail);
  });

  it('show a hint in browsers without script', async () => {
    const { visitor } = await signIn();
    const { html } = await visitor.press('Add a passkey');
    expect(html).toMatch(/<noscript>.*Passkeys need JavaScript.*<\/noscript>/s);
    const { text } = await visitor.press('Create the passkey', { name: 'x', verificationCode: 'ABCDEFG' });
    expect(text).toContain('Passkeys need JavaScript, which is off in this browser.');
  });

  it('offer the kinds that the app allows', async () => {
    const { visitor } = await signIn();
    await setMfa(world, { factors: ['totp'] });
    expect((await visitor.open(at('account/second-factors'))).text).not.toContain('Add a passkey');
    await setMfa(world, { factors: ['passkey'] });
    expect((await visitor.open(at('account/second-factors'))).text).not.toContain('Add an authenticator app');
  });

  it('finish a session that could only add one', async () => {
    const { person, visitor } = await signIn();
    await setMfa(world, { policy: 'required', graceDays: 0 });
    await passwordFirst(world, visitor, person.email);
    await visitor.open(at('account/second-factors'));
    const visit = await visitor.press('Add a passkey');
    const { code: verificationCode = '' } = await world.mail(person.email);
    await makePasskey(visitor, visit, { verificationCode });
    expect((await visitor.open(at('account'))).path).toBe(at('account'));
  });
});
