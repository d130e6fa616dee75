import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routes } from '../routes.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';

// Anybody can send somebody an address of a page, with any query.

let test: TestApp;
let world: World;
let owner: Person;
let orgId: string;
let ownerVisit: Awaited<ReturnType<typeof signInOnPages>>;

beforeAll(async () => {
  test = await buildTestApp({ db: await openTestDatabase() });
  world = await createWorld(test, { settings: { usersMayCreateOrganizations: true } });
  owner = await world.person({ verified: true });
  orgId = await world.organization(owner);
  ownerVisit = await signInOnPages(world, owner);
});
afterAll(() => test?.close());

const prefix = '/apps/:app/';
const paths = routes
  .filter(({ page, method, url, changesState }) => page && method === 'GET' && !changesState && url.startsWith(prefix))
  .map(({ url }) => url.slice(prefix.length));

/** The page, without the values that differ in each response. */
const comparable = (html: string): string =>
  html.replace(/value="[\w-]{43}"/g, '').replace(/(?:challenge|requestId)[^"]*"[^"]*"/g, '');

const message = 'Your account is locked. Call 555 0100, or open https://evil.example/unlock';

/** Fields of the forms of pages, and the steps of these forms. */
const fields = {
  firstName: message,
  lastName: message,
  newEmail: 'attacker@evil.example',
  name: message,
  orgName: message,
  adminEmail: 'attacker@evil.example',
  adminFirstName: message,
  adminLastName: message,
  role: 'owners',
  roles: message,
  password: message,
  newPassword: message,
  currentPassword: message,
  recoveryCode: message,
  days: '1',
  sure: 'yes',
  by: 'mail',
  remember: 'yes',
  mfa_token: message,
  factors: '[{"id":"1","kind":"totp","name":"x"}]',
  identity: '1',
  provider: '1',
  key: '1',
};
const steps = ['confirm-again', 'confirm-mail', 'confirm-passkey', 'code', 'add', 'mine', 'password', 'provider'];

describe.each(paths)('the page %s', (path) => {
  const open = async (query: Readonly<Record<string, string>>, isSignedIn: boolean) => {
    const all = new URLSearchParams({ org: orgId, user: owner.userId, ...query });
    return (isSignedIn ? ownerVisit : createVisitor(test)).open(`/apps/${world.appName}/${path}?${all.toString()}`);
  };

  it.each([false, true])('fills in no field and begins no step because of an address (signed in: %s)', async (isIn) => {
    const plain = comparable((await open({}, isIn)).html);
    for (const step of steps) expect(comparable((await open({ ...fields, step }, isIn)).html)).toBe(plain);
  });

  it.each([false, true])('shows no text of an address instead of an email address (signed in: %s)', async (isIn) => {
    const codes = ['x', 'CJVGX2SZFQYKWXCP8A3XAMPWF6'];
    for (const code of codes) {
      const { text } = await open({ email: message, newEmail: message, notice: 'sent', code, step: 'code' }, isIn);
      expect(text).not.toContain('555 0100');
    }
  });

  it('accepts every character in every value', async () => {
    const names = ['return_to', 'org', 'user', 'email', 'code', 'notice', 'find', 'list', 'cursor', 'code_challenge'];
    const values = ['\u0000', '\u0000@example.com', '\ud800', '%', "'", '9'.repeat(40)];
    const code = 'CJVGX2SZFQYKWXCP8A3XAMPWF6';
    for (const name of names) {
      for (const value of values) {
        const { status } = await open({ email: 'jon@example.com', code, [name]: value }, true);
        expect([name, value, status < 500]).toEqual([name, value, true]);
      }
    }
  });
});

describe('a form', () => {
  it.each(['sign-in', 'account/data', 'account/second-factors'])('of %s accepts no deep JSON', async (path) => {
    const { forms } = await ownerVisit.open(`/apps/${world.appName}/${path}`);
    const credential = '['.repeat(9_000) + ']'.repeat(9_000);
    for (const step of ['passkey', 'confirm-passkey', 'delete', 'add-passkey', 'passkey-added']) {
      const form = { ...forms[0]?.values, step, credential, factors: credential, sure: 'yes' };
      expect((await ownerVisit.post(`/apps/${world.appName}/${path}`, form)).status).toBeLessThan(500);
    }
  });

  it('of the invitation accepts every character as address', async () => {
    const visitor = createVisitor(test);
    const form = { email: '\u0000@b.co', org: orgId, code: 'CJVGX2SZFQYKWXCP8A3XAMPWF6' };
    expect((await visitor.post(`/apps/${world.appName}/invitation`, form)).status).toBe(400);
  });
});

it.each(['demo%00', '%ff', '..%2f'])('the logo of the app %s is not found', async (app) => {
  const { statusCode } = await test.app.inject({ url: `/apps/${app}/logo/${'0'.repeat(64)}` });
  expect(statusCode).toBeGreaterThanOrEqual(400);
  expect(statusCode).toBeLessThan(500);
});
