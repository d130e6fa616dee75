import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { createOutbound } from '../http/outbound.ts';
import {
  type Browser,
  comeBack,
  createIntent,
  failureUrl,
  goThrough,
  goToProvider,
  newBrowser,
  newVerifier,
  redeem,
  registerProvider,
  successUrl,
  visit,
} from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, faults, problem, type World } from '../test/world/world.ts';
import { sweepIntents } from './sweep-intents.ts';

const minuteMs = 60_000;

let app: TestApp;
let world: World;
let provider: TestProvider;
let idpId: string;
let browser: Browser;

beforeAll(async () => {
  app = await buildTestApp({ outbound: createOutbound({ allowsPrivate: true }) });
  provider = await TestProvider.start();
  provider.now = () => app.clock.now();
});
beforeEach(async () => {
  world = await createWorld(app);
  provider.misbehaviour = {};
  provider.person = {
    sub: 'jon',
    email: 'jon@example.com',
    email_verified: true,
    given_name: 'Jon',
    family_name: 'Doe',
  };
  idpId = await registerProvider(world, provider);
  browser = newBrowser();
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});

const create = (body: object) => world.call('POST', '/v1/authentication/idp/intents/create', { body });
const rows = () => app.db.query(sql`SELECT * FROM idp_intents WHERE app_id = ${world.appId}`);

describe('an intent', () => {
  it.each([
    ['without addresses', {}, '/body/successUrl'],
    ['with half of them', { successUrl }, '/body/successUrl'],
    ['with both forms', { successUrl, failureUrl, urls: { successUrl, failureUrl } }, '/body/successUrl'],
    ['with a plain challenge', { successUrl, failureUrl, codeChallenge: 'short' }, '/body/codeChallenge'],
  ])('%s is refused', async (_, body, pointer) => {
    const response = await create({ idpId, ...body });
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toEqual([pointer]);
    expect(await rows()).toEqual([]);
  });

  it.each([
    'https://evil.example/',
    'javascript:alert(1)',
    'http://a:b@localhost/',
    'http://localhost/{{code}}',
    '//x',
  ])('an intent to %s is refused, in success and in failure', async (url) => {
    expect(problem(await create({ idpId, successUrl: url, failureUrl }))).toBe('400 redirect_url_not_allowed');
    expect(problem(await create({ idpId, successUrl, failureUrl: url }))).toBe('400 redirect_url_not_allowed');
    expect(await rows()).toEqual([]);
  });

  it('needs a provider of the app that is switched on', async () => {
    const elsewhere = await createWorld(app);
    const theirs = await registerProvider(elsewhere, provider);
    for (const id of ['1', theirs]) {
      expect(problem(await create({ idpId: id, successUrl, failureUrl }))).toBe('404 idp_not_found');
    }
    await world.call('PATCH', `/v1/authorization/idps/${idpId}`, {
      token: world.admin.token,
      body: { enabled: false },
    });
    expect(problem(await create({ idpId, successUrl, failureUrl }))).toBe('404 idp_not_found');
  });

  it('is created by either form of the body', async () => {
    for (const body of [{ successUrl, failureUrl }, { urls: { successUrl, failureUrl } }]) {
      const response = await create({ idpId, ...body });
      expect(response.statusCode).toBe(201);
      const { intentId, authUrl } = response.json<{ intentId: string; authUrl: string }>();
      expect(authUrl).toBe(`http://127.0.0.1:3000/idps/start/${intentId}`);
    }
    const urls = await app.db.query(
      sql`SELECT success_url, failure_url FROM idp_intents WHERE app_id = ${world.appId}`,
    );
    expect(urls).toEqual([1, 2].map(() => ({ success_url: successUrl, failure_url: failureUrl })));
  });

  it('is limited in number for one address', async () => {
    const limits = { idpIntentsPerAddressPerHour: 2 };
    await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { settings: { limits } });
    const answers = [];
    for (let count = 0; count < 3; count += 1) answers.push(await create({ idpId, successUrl, failureUrl }));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([201, 201, 429]);
  });
});

describe('the start page', () => {
  it('sends the browser to the provider with all protective parameters', async () => {
    const { intentId, authUrl } = await createIntent(world, idpId);
    const response = await visit(world, browser, authUrl);
    expect(response.statusCode).toBe(302);
    const target = new URL(String(response.headers.location));
    expect(`${target.origin}${target.pathname}`).toBe(`${provider.issuer}/authorize`);
    expect(Object.fromEntries(target.searchParams)).toEqual({
      client_id: 'our-client',
      response_type: 'code',
      redirect_uri: 'http://127.0.0.1:3000/idps/callback',
      scope: 'openid email profile',
      state: expect.stringMatching(new RegExp(`^${intentId}\\.[\\w-]{43}$`)),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(response.headers['set-cookie']).toMatch(
      /^idp-intent=gh_i_[\w-]{43}; Max-Age=600; Path=\/idps; HttpOnly; SameSite=Lax$/,
    );
    expect(response.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
  });

  it('keeps nothing of it readable in the database', async () => {
    const { authUrl } = await createIntent(world, idpId);
    const response = await visit(world, browser, authUrl);
    const stored = JSON.stringify(await rows());
    const secrets = [...new URL(String(response.headers.location)).searchParams.values()].filter((v) => v.length > 42);
    expect([browser.cookie?.split('=')[1] ?? '', ...secrets].filter((secret) => stored.includes(secret))).toEqual([]);
  });

  it.each(['/idps/start/1', '/idps/start/118273645546213381'])('the address %s leads nowhere', async (url) => {
    const response = await world.call('GET', url, { app: null });
    expect(problem(response)).toBe('400 intent_invalid');
    expect(response.headers['set-cookie']).toBeUndefined();
  });

  it('is for the first browser only, which may use it again', async () => {
    const { authUrl } = await createIntent(world, idpId);
    const first = await goToProvider(world, browser, provider, authUrl);
    const stranger = newBrowser();
    expect(problem(await visit(world, stranger, authUrl))).toBe('400 intent_invalid');
    expect(stranger.cookie).toBeUndefined();
    const second = await goToProvider(world, browser, provider, authUrl);
    expect(await comeBack(world, browser, first)).toMatchObject({ error: 'state_invalid' });
    expect(await comeBack(world, browser, second)).toHaveProperty('intentToken');
  });

  it('accepts one of two concurrent browsers', async () => {
    const { authUrl } = await createIntent(world, idpId);
    const answers = await Promise.all([1, 2, 3].map(() => visit(world, newBrowser(), authUrl)));
    const toProvider = answers.filter(({ headers }) => String(headers.location).startsWith(provider.issuer));
    expect(toProvider).toHaveLength(1);
  });

  it('serves two sign-ins of one browser at the same time', async () => {
    const [one, two] = [await createIntent(world, idpId), await createIntent(world, idpId)];
    const first = await goToProvider(world, browser, provider, one.authUrl);
    const second = await goToProvider(world, browser, provider, two.authUrl);
    expect(await comeBack(world, browser, first)).toHaveProperty('intentToken');
    expect(await comeBack(world, browser, second)).toHaveProperty('intentToken');
  });

  it('uses the cookie with the prefix `__Host-` on https: a sibling domain can set the documented one', async () => {
    const secure = await buildTestApp({ db: app.db, clock: app.clock, env: { PUBLIC_URL: 'https://iam.example.com' } });
    const { authUrl } = await createIntent(world, idpId);
    const start = async (cookie: string, more: Record<string, string> = {}) => {
      const headers = { cookie, ...more };
      const response = await secure.app.inject({ method: 'GET', url: new URL(authUrl).pathname, headers });
      return [response.headers['set-cookie'] ?? []].flat();
    };
    const [planted, own] = ['p', 'o'].map((letter) => `gh_i_${letter.repeat(43)}`);
    const browserHeaders = { 'sec-fetch-site': 'none' };
    const [documented, ofHost] = await start(`idp-intent=${planted}; __Host-idp-intent=${own}`, browserHeaders);
    expect(documented).toBe(`idp-intent=${own}; Max-Age=600; Path=/idps; HttpOnly; Secure; SameSite=Lax`);
    expect(ofHost).toBe(`__Host-idp-intent=${own}; Max-Age=600; Path=/; HttpOnly; Secure; SameSite=Lax`);
    // The intent is bound to the own cookie now.
    expect(await start(`idp-intent=${own}`, browserHeaders)).toEqual([]);
    expect(await start(`idp-intent=${planted}`)).toEqual([]);
    expect(await start(`idp-intent=${own}`)).toEqual([documented, ofHost]);
    await secure.app.close();
  });

  it('marks the cookie as secure on https', async () => {
    const secure = await buildTestApp({ db: app.db, clock: app.clock, env: { PUBLIC_URL: 'https://iam.example.com' } });
    const { authUrl } = await createIntent(world, idpId);
    const response = await secure.app.inject({ method: 'GET', url: new URL(authUrl).pathname });
    for (const cookie of [response.headers['set-cookie'] ?? []].flat()) expect(cookie).toMatch(/; Secure/);
    expect(new URL(String(response.headers.location)).searchParams.get('redirect_uri')).toBe(
      'https://iam.example.com/idps/callback',
    );
    await secure.app.close();
  });
});

describe('the return from the provider', () => {
  it('ends at the success URL, with the token that redeems the intent', async () => {
    const back = await goThrough(world, provider, idpId);
    expect(back).toEqual({
      to: 'http://localhost:4000/signed-in#top',
      from: 'provider',
      intentId: expect.stringMatching(/^\d{18}$/),
      intentToken: expect.stringMatching(/^gh_i_[\w-]{43}$/),
    });
    expect(JSON.stringify(await rows())).not.toMatch(/jon|gh_i_/i);
    expect(await world.securityEvents()).toEqual([]);
  });

  it('presents the secret encoded as the provider wants it', async () => {
    await goThrough(world, provider, idpId);
    expect(provider.lastTokenRequest?.authorization).toBeUndefined();
    expect(provider.lastTokenRequest?.form.get('client_secret')).toBe('our:secret/0');
    provider.misbehaviour = { metadata: { token_endpoint_auth_methods_supported: undefined } };
    const other = await registerProvider(world, provider);
    await goThrough(world, provider, other);
    const basic = Buffer.from('our%2Dclient:our%3Asecret%2F0').toString('base64');
    expect(provider.lastTokenRequest?.authorization).toBe(`Basic ${basic}`);
    expect(provider.lastTokenRequest?.form.has('client_secret')).toBe(false);
  });

  it('is for the browser that went, and another one does not spoil it', async () => {
    const { authUrl } = await createIntent(world, idpId);
    const callback = await goToProvider(world, browser, provider, authUrl);
    const stolen = newBrowser();
    for (const cookie of [undefined, `idp-intent=gh_i_${'x'.repeat(43)}`, 'idp-intent=nonsense']) {
      stolen.cookie = cookie;
      const response = await visit(world, stolen, callback);
      expect(problem(response)).toBe('400 intent_invalid');
      expect(response.headers.location).toBeUndefined();
    }
    expect(await world.securityEvents()).toMatchObject([
      { action: 'idp.failed', target: `identity_provider ${idpId}`, changes: ['error.browser_mismatch'] },
    ]);
    expect(await comeBack(world, browser, callback)).toHaveProperty('intentToken');
  });

  it('is consumed once, also with many concurrent attempts', async () => {
    const { authUrl } = await createIntent(world, idpId);
    const callback = await goToProvider(world, browser, provider, authUrl);
    const answers = await Promise.all([1, 2, 3, 4].map(() => comeBack(world, browser, callback)));
    expect(answers.filter((back) => 'intentToken' in back)).toHaveLength(1);
    expect(answers.filter((back) => back['error'] === 'state_invalid')).toHaveLength(3);
    expect(await comeBack(world, browser, callback)).toMatchObject({ to: failureUrl, error: 'state_invalid' });
    const good = answers.find((back) => 'intentToken' in back);
    expect((await redeem(world, good ?? {})).statusCode).toBe(200);
  });

  it('takes ten minutes at the most', async () => {
    const { authUrl } = await createIntent(world, idpId);
    const callback = await goToProvider(world, browser, provider, authUrl);
    app.clock.advance(10 * minuteMs);
    expect(await comeBack(world, browser, callback)).toMatchObject({ to: failureUrl, error: 'intent_expired' });
    const late = await visit(world, browser, authUrl);
    expect(new URL(String(late.headers.location)).searchParams.get('error')).toBe('intent_expired');
  });

  it('does not work with a state that names no intent', async () => {
    for (const query of ['', '?state=', '?state=1.x&code=c', '?state=nonsense', '?code=c', '?state=1&state=2']) {
      expect(problem(await visit(world, browser, `http://localhost/idps/callback${query}`))).toBe('400 intent_invalid');
    }
  });

  it('does not work while the app is deactivated', async () => {
    const { authUrl } = await createIntent(world, idpId);
    const callback = await goToProvider(world, browser, provider, authUrl);
    await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { status: 'INACTIVE' });
    expect(problem(await visit(world, browser, callback))).toBe('403 app_inactive');
    expect(problem(await visit(world, newBrowser(), authUrl))).toBe('403 app_inactive');
  });

  it('works from process to process', async () => {
    const other = await buildTestApp({ db: app.db, clock: app.clock });
    const there: World = {
      ...world,
      call: (method, url, { headers = {}, body, app: name = world.appName } = {}) =>
        other.app.inject({
          method,
          url,
          headers: { ...headers, ...(name !== null && { 'x-app-name': name }) },
          ...(body !== undefined && { payload: body as object }),
        }),
    };
    const { authUrl } = await createIntent(world, idpId);
    const callback = await goToProvider(there, browser, provider, authUrl);
    const back = await comeBack(world, browser, callback);
    expect((await redeem(there, back)).statusCode).toBe(200);
    await other.app.close();
  });
});

describe('redeeming', () => {
  it('signs in, with a session and its cookie', async () => {
    const response = await redeem(world, await goThrough(world, provider, idpId));
    expect(response.statusCode).toBe(200);
    const answer = response.json<Record<string, unknown>>();
    expect(answer).toEqual({
      sessionId: expect.stringMatching(/^\d{18}$/),
      sessionToken: expect.stringMatching(/^gh_s_/),
      userId: expect.stringMatching(/^\d{18}$/),
      isNewUser: true,
    });
    expect(String(response.headers['set-cookie'])).toContain(`session-token=${String(answer['sessionToken'])}`);
    const me = await world.call('GET', '/v1/authentication/users/me', { token: String(answer['sessionToken']) });
    expect(me.json()).toMatchObject({ userId: answer['userId'], email: 'jon@example.com', session: { amr: ['fed'] } });
  });

  it('takes the token under its name in the success URL too, but not under both', async () => {
    const { intentId, intentToken } = await goThrough(world, provider, idpId);
    const send = (body: object) =>
      world.call('POST', '/v1/authentication/idp/intents/validate', { body: { intentId, ...body } });
    for (const body of [{}, { intentToken, idpToken: intentToken }]) {
      expect(problem(await send(body))).toBe('400 validation_failed');
    }
    expect((await send({ intentToken })).statusCode).toBe(200);
  });

  it('works once, however many try at once', async () => {
    const back = await goThrough(world, provider, idpId);
    const answers = await Promise.all([1, 2, 3, 4].map(() => redeem(world, back)));
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
    expect(problem(await redeem(world, back))).toBe('400 intent_invalid');
  });

  it('needs token, intent, app and time to be right', async () => {
    const back = await goThrough(world, provider, idpId);
    const other = await goThrough(world, provider, idpId);
    const elsewhere = await createWorld(app);
    const wrong = [
      redeem(world, { ...back, intentToken: other['intentToken'] ?? '' }),
      redeem(world, { ...back, intentToken: `gh_i_${'x'.repeat(43)}` }),
      redeem(world, { ...back, intentToken: '' }),
      redeem(world, { ...back, intentId: '1' }),
      redeem(world, { ...back, intentId: 'nonsense' }),
      redeem(elsewhere, back),
    ];
    for (const response of await Promise.all(wrong)) expect(problem(response)).toBe('400 intent_invalid');
    expect((await redeem(world, other)).statusCode).toBe(200);
    app.clock.advance(10 * minuteMs);
    expect(problem(await redeem(world, back))).toBe('400 intent_invalid');
    expect((await world.securityEvents()).map(({ action, changes }) => [action, ...changes])).toContainEqual([
      'idp.failed',
      'error.intent_invalid',
    ]);
  });

  it('needs the verifier, if and only if there was a challenge', async () => {
    const { codeChallenge, codeVerifier } = newVerifier();
    const bound = await goThrough(world, provider, idpId, { codeChallenge });
    expect(problem(await redeem(world, bound))).toBe('400 intent_invalid');
    expect(problem(await redeem(world, bound, newVerifier()))).toBe('400 intent_invalid');
    expect(problem(await redeem(world, bound, { codeVerifier: codeChallenge }))).toBe('400 intent_invalid');
    expect((await redeem(world, bound, { codeVerifier })).statusCode).toBe(200);
    const unbound = await goThrough(world, provider, idpId);
    expect(problem(await redeem(world, unbound, { codeVerifier }))).toBe('400 intent_invalid');
  });

  it('is not for other pages', async () => {
    const back = await goThrough(world, provider, idpId);
    const headers = { origin: 'https://evil.example' };
    expect(problem(await redeem(world, back, { headers }))).toBe('403 origin_not_allowed');
    expect((await redeem(world, back)).statusCode).toBe(200);
  });

  it('needs the provider to be switched on still', async () => {
    const back = await goThrough(world, provider, idpId);
    const url = `/v1/authorization/idps/${idpId}`;
    await world.call('PATCH', url, { token: world.admin.token, body: { enabled: false } });
    expect(problem(await redeem(world, back))).toBe('400 intent_invalid');
    await world.call('DELETE', url, { token: world.admin.token });
    expect(problem(await redeem(world, back))).toBe('400 intent_invalid');
    expect(await rows()).toEqual([]);
  });
});

it('expired intents are removed an hour later', async () => {
  const { authUrl } = await createIntent(world, idpId);
  await goToProvider(world, browser, provider, authUrl);
  app.clock.advance(69 * minuteMs);
  await runTask(app, sweepIntents);
  expect(await rows()).toHaveLength(1);
  app.clock.advance(minuteMs);
  await runTask(app, sweepIntents);
  expect(await rows()).toEqual([]);
});
