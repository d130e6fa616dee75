import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import type { SettingsPatch } from '../apps/apps.schema.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

let db: UndoableDb;
let test: TestApp;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

const limited = (limits: NonNullable<SettingsPatch['limits']>) => createWorld(test, { settings: { limits } });
const at = (world: World, page: string) => `/apps/${world.appName}/${page}`;

/** Enters a wrong password in a new browser until the page refuses to check it. @returns the visitor, and that page */
async function exhaust(world: World, email: string) {
  const visitor = createVisitor(test);
  await visitor.open(at(world, 'sign-in'));
  await visitor.press('Continue', { email });
  let page = await visitor.press('Sign in', { password: 'wrong-password' });
  for (let tries = 1; page.status === 401 && tries < 10; tries += 1) {
    page = await visitor.press('Sign in', { password: 'wrong-password' });
  }
  return { visitor, page };
}

const waitOf = ({ headers }: { headers: Readonly<Record<string, unknown>> }) => Number(headers['retry-after']);
const minutesOf = (page: Parameters<typeof waitOf>[0]) => String(Math.ceil(waitOf(page) / 60));

describe('a page after too many passwords', () => {
  it('says how long to wait, keeps the address, and signs nobody in', async () => {
    const world = await limited({ signInsPerAccountPerHour: 5 });
    const { email } = await world.person();
    const { visitor, page } = await exhaust(world, email);
    expect(page.status).toBe(429);
    expect(waitOf(page)).toBeGreaterThan(0);
    expect(page.text).toContain(`Please wait a while, or reset your password. Minutes to wait: ${minutesOf(page)}`);
    expect(page.text).toContain(email);
    expect(await visitor.press('Sign in', { password })).toMatchObject({ status: 429 });
    expect((await visitor.open(at(world, 'account'))).path).toContain('/sign-in');
  });

  it('accepts the right password after that time', async () => {
    const world = await limited({ signInsPerAccountPerHour: 5 });
    const { email } = await world.person();
    const { visitor, page } = await exhaust(world, email);
    test.clock.advance(waitOf(page) * 1000);
    expect((await visitor.press('Sign in', { password })).path).toBe(at(world, 'account'));
  });

  it('looks the same for an address without an account', async () => {
    const world = await limited({ signInsPerAccountPerHour: 5 });
    const person = await world.person();
    const [known, unknown] = await Promise.all(
      [person.email, 'nobody@example.com'].map(async (email) => {
        const { page } = await exhaust(world, email);
        const html = page.html.replaceAll(email, '').replaceAll(encodeURIComponent(email), '');
        return { status: page.status, wait: waitOf(page), html: html.replace(/value="[\w-]{43}"/g, '') };
      }),
    );
    expect(unknown).toEqual(known);
  });

  it('is in Arabic for people who read Arabic', async () => {
    const world = await limited({ signInsPerAccountPerHour: 5 });
    const { email } = await world.person();
    await exhaust(world, email);
    const visitor = createVisitor(test, { language: 'ar' });
    const { forms } = await visitor.open(at(world, 'sign-in'));
    await visitor.press(forms[0]?.button ?? '', { email });
    const button = 'تسجيل الدخول';
    const { status, text } = await visitor.press(button, { password });
    expect({ status, text }).toMatchObject({ status: 429, text: expect.stringMatching(/المحاولة التالية: \d+/) });
  });
});

describe('a page after too many mails', () => {
  it('says how long to wait, and sends the next mail afterwards', async () => {
    const world = await limited({ codeRequestsPerAccountPerHour: 1 });
    const visitor = createVisitor(test);
    await visitor.open(at(world, 'sign-up'));
    await visitor.press('Create account', {
      firstName: 'Jon',
      lastName: 'Doe',
      email: 'jon@example.com',
      password,
    });
    let page = await visitor.press('Send the mail again');
    for (let mails = 1; page.status === 200 && mails < 5; mails += 1) page = await visitor.press('Send the mail again');
    expect(page.status).toBe(429);
    expect(page.text).toContain(`Too many requests. Please wait a while. Minutes to wait: ${minutesOf(page)}`);
    test.clock.advance(waitOf(page) * 1000);
    expect((await visitor.press('Send the mail again')).status).toBe(200);
  });
});
