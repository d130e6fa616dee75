import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { sendSignInCodes } from '../passwordless/send-sign-in-codes.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import type { UndoableDb } from '../test/undo.ts';
import type { Visitor } from '../test/world/page-passkeys.ts';
import { enableSignInCodes } from '../test/world/sign-in-codes.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, type World } from '../test/world/world.ts';

// The link of a mail, with which people sign in on the page.

let db: UndoableDb;
let test: TestApp;
let world: World;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db, env: { PUBLIC_URL: 'https://id.example' } });
  world = await createWorld(test);
  await enableSignInCodes(world);
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

const at = (page: string) => `/apps/${world.appName}/${page}`;
const sessionIn = ({ jar }: Visitor) => jar.get(`__Host-session-token-${world.appName}`);

/** Somebody requests a mail on the page. @returns the link and code of the mail, and the browser that asked */
async function request(asking = createVisitor(test)) {
  const { email } = await world.person({ verified: true });
  await asking.open(at('sign-in'));
  await asking.press('Continue', { email });
  await asking.press('Send a code by mail');
  await runTask(test, sendSignInCodes);
  const { url = '', code = '' } = await world.mail(email);
  return { asking, email, link: url, code };
}

const buttonOf = (email: string) => `Sign in as ${email}`;

describe('the link of a mail, in the browser that asked', () => {
  it('signs in with the button', async () => {
    const { asking, email, link } = await request();
    const { text } = await asking.open(link);
    expect(text).toContain('The link works only in the browser that requested the mail.');
    expect(sessionIn(asking)).toBeUndefined();
    const account = await asking.press(buttonOf(email));
    expect([account.path, account.text]).toEqual([at('account'), expect.stringContaining(email)]);
    expect(sessionIn(asking)).toMatch(/^gh_s_/);
  });

  it('signs in the person of the mail, also while somebody else is signed in', async () => {
    const first = await request();
    await first.asking.open(first.link);
    await first.asking.press(buttonOf(first.email));
    const visitor = first.asking;
    const { email } = await world.person({ verified: true });
    await visitor.open(`${at('sign-in')}?prompt=login`);
    await visitor.press('Continue', { email });
    await visitor.press('Send a code by mail');
    await runTask(test, sendSignInCodes);
    await visitor.open((await world.mail(email)).url ?? '');
    const { text } = await visitor.press(buttonOf(email));
    expect(text).toContain(email);
    expect(text).not.toContain(first.email);
  });

  it('works once', async () => {
    const { asking, email, link } = await request();
    await asking.open(link);
    await asking.press(buttonOf(email));
    await asking.open(at('account'));
    await asking.press('Sign out');
    await asking.open(link);
    const { status, html } = await asking.press(buttonOf(email));
    expect([status, /data-code="(\w+)"/.exec(html)?.[1]]).toEqual([400, 'code_invalid']);
    expect(sessionIn(asking)).toBeUndefined();
  });
});

describe('the link of a mail, in another browser', () => {
  it.each([
    ['that has asked for nothing', async () => createVisitor(test)],
    ['that has asked for another mail', async () => (await request()).asking],
  ])('signs nobody in, and asks for the code: %s', async (_, open) => {
    const { email, link, code } = await request();
    const other = await open();
    await other.open(link);
    const refused = await other.press(buttonOf(email));
    expect([refused.status, /data-code="(\w+)"/.exec(refused.html)?.[1]]).toEqual([400, 'code_invalid']);
    expect(sessionIn(other)).toBeUndefined();
    const form = refused.forms.find(({ button }) => button === 'Sign in');
    expect([form?.fields, form?.values['code']]).toEqual([['code'], '']);
    expect(refused.forms.map(({ button }) => button)).not.toContain(buttonOf(email));
    expect((await other.press('Sign in', { code })).path).toBe(at('account'));
  });

  it('signs nobody in who copies the long code to the field', async () => {
    const { email, link } = await request();
    const other = createVisitor(test);
    await other.open(link);
    await other.press(buttonOf(email));
    const code = new URL(link).searchParams.get('code') ?? '';
    expect((await other.press('Sign in', { code })).status).toBe(400);
    expect(sessionIn(other)).toBeUndefined();
  });

  it('signs nobody in with a binding cookie that a sibling domain has set', async () => {
    const { asking, email, link } = await request();
    const name = `__Host-sign-in-browser-${world.appName}`;
    const secret = asking.jar.get(name) ?? '';
    expect(secret).toMatch(/^gh_b_/);
    const victim = createVisitor(test);
    victim.jar.set('sign-in-browser', secret);
    await victim.open(link);
    expect((await victim.press(buttonOf(email))).status).toBe(400);
    expect(sessionIn(victim)).toBeUndefined();
  });

  it('leaves the link to the browser that asked', async () => {
    const { asking, email, link } = await request();
    const other = createVisitor(test);
    await other.open(link);
    await other.press(buttonOf(email));
    await asking.open(link);
    expect((await asking.press(buttonOf(email))).path).toBe(at('account'));
  });
});

describe('programs that open links', () => {
  it('use up no link', async () => {
    const { asking, email, link } = await request();
    const before = await test.db.query(sql`SELECT count(*)::int AS n FROM codes WHERE app_id = ${world.appId}`);
    for (let times = 0; times < 3; times += 1) await createVisitor(test).open(link);
    expect(await test.db.query(sql`SELECT count(*)::int AS n FROM codes WHERE app_id = ${world.appId}`)).toEqual(
      before,
    );
    await asking.open(link);
    expect((await asking.press(buttonOf(email))).path).toBe(at('account'));
  });
});
