import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createOutbound } from '../http/outbound.ts';
import {
  type Browser,
  comeBack,
  createIntent,
  failureUrl,
  goThrough,
  goToProvider,
  newBrowser,
  redeem,
  registerProvider,
  visit,
} from '../test/identity-flow.ts';
import { type Misbehaviour, TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { callOf, createWorld, problem, type World } from '../test/world/world.ts';
import { failures } from './failures.ts';

let app: TestApp;
let world: World;
let provider: TestProvider;
let idpId: string;
let browser: Browser;

const impatient = () => createOutbound({ allowsPrivate: true, timeoutMs: 2000 });
/** A process with empty caches, on the same database. */
const newProcess = () => buildTestApp({ db: database.db, clock: database.clock, outbound: impatient() });

let database: TestApp;
beforeAll(async () => {
  database = await buildTestApp();
});
afterAll(() => database?.close());

beforeEach(async () => {
  app = await newProcess();
  provider = await TestProvider.start();
  provider.now = () => app.clock.now();
  provider.person = { sub: 'jon', email: 'jon@example.com', email_verified: true };
  world = await createWorld(app);
  idpId = await registerProvider(world, provider);
  browser = newBrowser();
});
afterEach(async () => {
  await provider.stop();
  await app.app.close();
});

const seconds = (offset: number) => Math.floor(app.clock.now().getTime() / 1000) + offset;

/** The error that the app got, and the error in the audit. */
async function expectFailure(back: Readonly<Record<string, string>>, error: keyof typeof failures) {
  expect(back).toEqual({
    to: failureUrl,
    intentId: expect.stringMatching(/^\d{18}$/),
    error,
    error_description: failures[error],
  });
  expect(await world.securityEvents()).toMatchObject([
    { action: 'idp.failed', target: `identity_provider ${idpId}`, changes: [`error.${error}`] },
  ]);
}

describe('an answer that is not to be believed:', () => {
  it.each<[string, () => Misbehaviour]>([
    ['another issuer in the token', () => ({ claims: { iss: 'https://else.example' } })],
    ['no issuer in the token', () => ({ claims: { iss: undefined } })],
    ['a code with another issuer', () => ({ callback: { code: 'x', iss: 'https://else.example' } })],
    ['a code without the promised issuer', () => ({ callback: { code: 'x' } })],
    ['another audience', () => ({ claims: { aud: 'another-client' } })],
    ['an audience among others', () => ({ claims: { aud: ['our-client', 'another-client'], azp: 'another-client' } })],
    ['no audience', () => ({ claims: { aud: undefined } })],
    ['another nonce', () => ({ claims: { nonce: 'another' } })],
    ['no nonce', () => ({ claims: { nonce: undefined } })],
    ['an expired token', () => ({ claims: { exp: seconds(-120) } })],
    ['no expiry', () => ({ claims: { exp: undefined } })],
    ['a token from the future', () => ({ claims: { nbf: seconds(120) } })],
    ['no subject', () => ({ claims: { sub: undefined } })],
    ['an empty subject', () => ({ claims: { sub: '' } })],
    ['a subject that cannot be stored', () => ({ claims: { sub: 'a\u0000b' } })],
    ['a forged signature', () => ({ forgesSignature: true })],
    ['a key that nobody publishes', () => ({ header: { kid: 'unknown' } })],
    ['no JSON at the token endpoint', () => ({ text: { '/token': 'nonsense' } })],
    ['no token at the token endpoint', () => ({ text: { '/token': '{}' } })],
    ['no ID token', () => ({ text: { '/token': '{"access_token":"a","token_type":"Bearer"}' } })],
    ['an unsigned token', () => ({ text: { '/token': unsignedAnswer() } })],
    ['keys that are none', () => ({ text: { '/jwks': '{}' } })],
    ['somebody else at the userinfo endpoint', () => ({ claims: { email: undefined }, userinfo: { sub: 'mia' } })],
  ])('%s', async (_, misbehave) => {
    provider.misbehaviour = misbehave();
    await expectFailure(await goThrough(world, provider, idpId), 'provider_response_invalid');
  });
});

function unsignedAnswer(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: provider.issuer, aud: 'our-client', sub: 'jon', iat: seconds(0), exp: seconds(60), nonce: 'x' };
  const token = `${part({ alg: 'none' })}.${part(claims)}.`;
  return JSON.stringify({ access_token: 'a', token_type: 'Bearer', id_token: token });
}

it('a code of another provider that names itself is not shown to the one that was asked', async () => {
  const mixingUp = await TestProvider.start();
  mixingUp.misbehaviour = {
    metadata: { authorization_response_iss_parameter_supported: false },
    callback: { code: 'of-somebody-else', iss: provider.issuer },
  };
  const other = await registerProvider(world, mixingUp);
  expect(await goThrough(world, mixingUp, other)).toMatchObject({ error: 'provider_response_invalid' });
  expect(mixingUp.calls.get('/token')).toBeUndefined();
  await mixingUp.stop();
});

describe('a provider that does not work:', () => {
  it.each<[string, Misbehaviour]>([
    ['the token endpoint fails', { status: { '/token': 500 } }],
    ['the token endpoint does not answer', { hangs: ['/token'] }],
    ['the token endpoint sends us elsewhere', { redirects: { '/token': 'http://127.0.0.1:1/' } }],
    ['the token endpoint talks without end', { text: { '/token': `"${'x'.repeat(300_000)}"` } }],
    ['the keys cannot be had', { status: { '/jwks': 503 } }],
    ['the keys are slow', { hangs: ['/jwks'] }],
    ['the userinfo endpoint fails', { claims: { email: undefined }, status: { '/userinfo': 500 } }],
  ])('%s', async (_, misbehaviour) => {
    provider.misbehaviour = misbehaviour;
    provider.person = { sub: 'jon' };
    await expectFailure(await goThrough(world, provider, idpId), 'provider_unavailable');
  });

  it('down when the browser is to be sent there', async () => {
    const other = await newProcess();
    provider.misbehaviour = { status: { '/.well-known/openid-configuration': 500 } };
    const there = { ...world, call: callOf(other.app, world.appName) };
    await expectFailure(await goThrough(there, provider, idpId), 'provider_unavailable');
    await other.app.close();
  });

  it('deleted before the browser returns', async () => {
    const { authUrl } = await createIntent(world, idpId);
    const callback = await goToProvider(world, browser, provider, authUrl);
    await provider.stop();
    await expectFailure(await comeBack(world, browser, callback), 'provider_unavailable');
    provider = await TestProvider.start();
  });

  it('slow, and other calls do not wait for it', async () => {
    provider.misbehaviour = { hangs: ['/token'] };
    const order: string[] = [];
    const slow = goThrough(world, provider, idpId).then(() => order.push('slow'));
    await world.call('GET', '/v1/authentication/apps/metadata').then(() => order.push('quick'));
    await slow;
    expect(order).toEqual(['quick', 'slow']);
  });
});

describe('a provider that refuses:', () => {
  it.each([
    ['access_denied', 'access_denied'],
    ['login_required', 'provider_error'],
    ['invalid_scope', 'provider_error'],
    ['<script>', 'provider_error'],
    ['server_error', 'provider_unavailable'],
    ['temporarily_unavailable', 'provider_unavailable'],
  ] as const)('%s', async (error, told) => {
    const words = 'call 0190 to unlock your account';
    provider.misbehaviour = { callback: { error, error_description: words, iss: provider.issuer } };
    const back = await goThrough(world, provider, idpId);
    await expectFailure(back, told);
    expect(JSON.stringify(back)).not.toMatch(/0190|<|%3C/);
  });

  it('a refusal by the token endpoint fails the sign-in', async () => {
    provider.misbehaviour = { tokenError: { error: 'invalid_client', error_description: 'wrong secret' } };
    await expectFailure(await goThrough(world, provider, idpId), 'provider_error');
  });

  it('a refusal by the provider consumes the state', async () => {
    provider.misbehaviour = { callback: { error: 'access_denied', iss: provider.issuer } };
    const { authUrl } = await createIntent(world, idpId);
    const callback = await goToProvider(world, browser, provider, authUrl);
    await comeBack(world, browser, callback);
    expect(await comeBack(world, browser, callback)).toMatchObject({ error: 'state_invalid' });
    const again = await visit(world, browser, authUrl);
    expect(new URL(String(again.headers.location)).searchParams.get('error')).toBe('state_invalid');
  });
});

describe('clocks that differ', () => {
  it.each([
    ['a token that expired a moment ago', { exp: -50 }],
    ['a token from a moment ahead', { nbf: 50, iat: 50 }],
  ])('clocks that differ by less than a minute are accepted: %s', async (_, offsets) => {
    const claims = Object.fromEntries(Object.entries(offsets).map(([name, offset]) => [name, seconds(offset)]));
    provider.misbehaviour = { claims };
    expect(await goThrough(world, provider, idpId)).toHaveProperty('intentToken');
  });
});

describe('the keys of a provider', () => {
  const fetched = () => provider.calls.get('/jwks') ?? 0;

  it('are fetched once for many sign-ins', async () => {
    for (let count = 0; count < 3; count += 1) {
      expect(await goThrough(world, provider, idpId)).toHaveProperty('intentToken');
    }
    expect(fetched()).toBe(1);
    expect(provider.calls.get('/.well-known/openid-configuration')).toBe(1);
  });

  it('are fetched once more when they were rotated', async () => {
    await goThrough(world, provider, idpId);
    await provider.rotateKey();
    expect(await goThrough(world, provider, idpId)).toHaveProperty('intentToken');
    expect(fetched()).toBe(2);
    expect(await goThrough(world, provider, idpId)).toHaveProperty('intentToken');
    expect(fetched()).toBe(2);
  });

  it('are fetched once more for an unknown one, and no more', async () => {
    await goThrough(world, provider, idpId);
    provider.misbehaviour = { header: { kid: 'unknown' } };
    await expectFailure(await goThrough(world, provider, idpId), 'provider_response_invalid');
    expect(fetched()).toBe(2);
  });

  it('do not serve for a key that was withdrawn, once they were fetched again', async () => {
    await goThrough(world, provider, idpId);
    await provider.rotateKey();
    await goThrough(world, provider, idpId);
    provider.misbehaviour = { header: { kid: 'key-1' } };
    await expectFailure(await goThrough(world, provider, idpId), 'provider_response_invalid');
  });
});

describe('a provider that is switched off', () => {
  const setEnabled = (enabled: boolean) =>
    world.call('PATCH', `/v1/authorization/idps/${idpId}`, { token: world.admin.token, body: { enabled } });

  it('a disabled provider is not redirected to', async () => {
    const { authUrl } = await createIntent(world, idpId);
    await setEnabled(false);
    const response = await visit(world, browser, authUrl);
    expect(new URL(String(response.headers.location)).searchParams.get('error')).toBe('provider_disabled');
  });

  it('a result of a provider that was disabled meanwhile is refused', async () => {
    const { authUrl } = await createIntent(world, idpId);
    const callback = await goToProvider(world, browser, provider, authUrl);
    await setEnabled(false);
    await expectFailure(await comeBack(world, browser, callback), 'provider_disabled');
  });

  it('a result of a provider that was deleted meanwhile is refused', async () => {
    const { authUrl } = await createIntent(world, idpId);
    const callback = await goToProvider(world, browser, provider, authUrl);
    await world.call('DELETE', `/v1/authorization/idps/${idpId}`, { token: world.admin.token });
    expect(problem(await visit(world, browser, callback))).toBe('400 intent_invalid');
  });
});

it('a failure is logged with the reason, and without the response of the provider', async () => {
  const lines: string[] = [];
  const logger = { level: 'trace', stream: { write: (line: string) => void lines.push(line) } };
  const other = await buildTestApp({ db: database.db, clock: database.clock, outbound: impatient(), logger });
  const there = { ...world, call: callOf(other.app, world.appName) };
  provider.misbehaviour = { claims: { aud: 'another-client', email: 'jon@secret.example' } };
  await goThrough(there, provider, idpId);
  provider.misbehaviour = {
    callback: { error: 'access_denied', error_description: 'of-secret.example', iss: provider.issuer },
  };
  await goThrough(there, provider, idpId);
  provider.misbehaviour = {};
  await redeem(there, await goThrough(there, provider, idpId));
  const logged = lines.join('');
  expect(logged).toContain('The token has another issuer or audience.');
  expect(logged).toContain('The provider responded with the error \\"access_denied\\".');
  expect(logged).not.toMatch(/secret\.example|jon@example|another-client|code-1|gh_i_|eyJ|our:secret/);
  await other.app.close();
});
