import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { createIntent, newBrowser, visit } from '../test/identity-flow.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';

// The error pages that browsers get instead of a problem document.

const brandName = 'Meadow Cloud';

let db: UndoableDb;
let test: TestApp;
let world: World;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test, { settings: { mail: { brandName } } });
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

/** Opens an address as a browser does. */
const open = (url: string, headers: Record<string, string> = {}) =>
  test.app.inject({
    method: 'GET',
    url,
    headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', ...headers },
  });
const seen = ({ statusCode, body }: Awaited<ReturnType<typeof open>>) => ({
  status: statusCode,
  code: /data-code="(\w+)"/.exec(body)?.[1],
  isBranded: body.includes(brandName),
});
const settings = (body: object) =>
  world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });

/** An intent of the app that belongs to another browser. */
async function foreignIntent(): Promise<string> {
  const body = { clientId: 'client', clientSecret: 'secret' };
  const url = '/v1/authorization/idps/google';
  const { id } = (await world.call('POST', url, { token: world.admin.token, body })).json<{ id: string }>();
  const { authUrl } = await createIntent(world, id);
  await visit(world, newBrowser(), authUrl);
  await db.query(sql`UPDATE idp_intents SET browser_hash = '\\x00' WHERE app_id = ${world.appId}`);
  return new URL(authUrl).pathname;
}

describe('a page for an error', () => {
  it.each<[what: string, path: (app: string) => string, status: number, code: string]>([
    ['an unknown page', (app) => `/apps/${app}/nothing-here`, 404, 'route_not_found'],
    [
      'a wrong address to return to',
      (app) => `/apps/${app}/sign-in?return_to=javascript:1`,
      400,
      'redirect_url_not_allowed',
    ],
  ])('an error page has the branding of the app: %s', async (_, path, status, code) => {
    const response = await open(path(world.appName));
    expect(seen(response)).toEqual({ status, code, isBranded: true });
    expect(response.body).toContain(`href="/apps/${world.appName}/sign-in"`);
  });

  it('an error page has the branding of the app to which a sign-in with a provider belongs', async () => {
    const path = await foreignIntent();
    expect(seen(await open(path))).toEqual({ status: 400, code: 'intent_invalid', isBranded: true });
    const state = `/idps/callback?code=x&state=${path.split('/').at(-1) ?? ''}.y`;
    expect(seen(await open(state))).toEqual({ status: 400, code: 'intent_invalid', isBranded: true });
  });

  it.each([
    ['/apps/nobody/sign-in', 404, 'app_not_found'],
    ['/apps/nobody/not-me', 404, 'app_not_found'],
    ['/apps/%00/not-me', 400, 'validation_failed'],
    ['/apps/nobody/nothing-here', 404, 'route_not_found'],
    ['/idps/start/1', 400, 'intent_invalid'],
    ['/idps/start/99999999999999999999', 400, 'validation_failed'],
    ['/idps/callback?state=1.x', 400, 'intent_invalid'],
    ['/idps/callback', 400, 'intent_invalid'],
  ])('an error page without an app has the branding of the service: %s', async (path, status, code) => {
    const response = await open(path);
    expect(seen(response)).toEqual({ status, code, isBranded: false });
    expect(response.body).toContain('Gatehouse');
    expect(response.body).not.toContain('/sign-in"');
  });

  it('an error page shows nothing of an app without hosted pages, and no sign-in of an inactive app', async () => {
    await settings({ hostedPages: false });
    expect(seen(await open(`/apps/${world.appName}/sign-in`))).toMatchObject({ status: 404, isBranded: false });
    await settings({ hostedPages: true });
    await db.query(sql`UPDATE apps SET status = 'INACTIVE' WHERE id = ${world.appId}`);
    const response = await open(`/apps/${world.appName}/sign-in`);
    expect(seen(response)).toMatchObject({ code: 'app_inactive', isBranded: true });
    expect(response.body).not.toContain('/sign-in"');
  });

  it('repeats no text of the address', async () => {
    for (const path of [
      `/apps/${world.appName}/call-0800-evil?x=call-0800-evil`,
      `/apps/${world.appName}/sign-in?return_to=https%3A%2F%2Fcall-0800-evil`,
      '/idps/callback?error_description=call-0800-evil&state=call-0800-evil',
    ]) {
      expect((await open(path)).body).not.toContain('0800');
    }
  });

  it('is in the language of the browser or else of the app, and is neither stored nor framed', async () => {
    const { body, headers } = await open(`/apps/${world.appName}/nothing-here`, { 'accept-language': 'ar' });
    expect(body).toContain('<html lang="ar" dir="rtl">');
    expect(headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(String(headers['content-security-policy'])).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    await settings({ language: 'ar' });
    expect((await open(`/apps/${world.appName}/nothing-here`)).body).toContain('dir="rtl"');
  });

  it('programs get no error page', async () => {
    for (const accept of ['application/json', '*/*']) {
      const headers = { accept };
      expect(problem(await open(`/apps/${world.appName}/nothing-here`, headers))).toBe('404 route_not_found');
      expect(problem(await open('/idps/start/1', headers))).toBe('400 intent_invalid');
    }
    expect(problem(await open('/v1/authentication/nothing-here'))).toBe('404 route_not_found');
  });
});
