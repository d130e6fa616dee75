import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { reseal } from '../operate/reseal.ts';
import { createSealer } from '../keys/seal.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { createOutbound } from '../http/outbound.ts';
import { buildTestApp, masterKey, type TestApp } from '../test/setup.ts';
import { createWorld, faults, problem, type World } from '../test/world/world.ts';
import { openClientSecret } from './client-secret.ts';

const credentials = { clientId: 'our-client', clientSecret: 'our-secret-0123' };
const callbackUrls = ['http://127.0.0.1:3000/idps/callback'];

let app: TestApp;
let world: World;
let provider: TestProvider;

beforeAll(async () => {
  app = await buildTestApp({ outbound: createOutbound({ allowsPrivate: true, timeoutMs: 2000 }) });
  provider = await TestProvider.start();
});
beforeEach(async () => {
  world = await createWorld(app);
  provider.misbehaviour = {};
  provider.calls.clear();
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});

const post = (kind: string, body: object, w = world) =>
  w.call('POST', `/v1/authorization/idps/${kind}`, { token: w.admin.token, body });
const list = async (w = world) =>
  (await w.call('GET', '/v1/authorization/idps', { token: w.admin.token })).json<{ idps: Record<string, unknown>[] }>()
    .idps;
const patch = (id: string, body: object) =>
  world.call('PATCH', `/v1/authorization/idps/${id}`, { token: world.admin.token, body });
const oidcBody = () => ({ ...credentials, name: 'Acme SSO', issuer: provider.issuer });
const idOf = async (kind: string, body: object, w = world) => (await post(kind, body, w)).json<{ id: string }>().id;

describe('refusals of a registration', () => {
  it.each([
    ['google', {}, '/body/clientId', 'Required.'],
    ['google', { ...credentials, clientSecret: '' }, '/body/clientSecret', 'Must not be empty.'],
    ['google', { ...credentials, tenantId: 'x' }, '/body/tenantId', 'Unknown field.'],
    ['azure', { ...credentials, tenantType: 'common' }, '/body/tenantType', /AZURE_AD_TENANT_TYPE_COMMON/],
    ['azure', { ...credentials, tenantId: 'acme.onmicrosoft.com' }, '/body/tenantId', /UUID/],
    [
      'azure',
      { ...credentials, tenantType: 'AZURE_AD_TENANT_TYPE_COMMON', tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47' },
      '/body/tenantId',
      'Send tenantType or tenantId, not both.',
    ],
    ['oidc', { ...credentials, name: 'A', issuer: 'ftp://a.example' }, '/body/issuer', 'Must be an https URL.'],
    ['oidc', { ...credentials, name: 'A', issuer: 'https://a:b@c.example' }, '/body/issuer', /user info/],
    ['oidc', { ...credentials, name: 'A', issuer: 'https://:b@c.example' }, '/body/issuer', /user info/],
    ['oidc', { ...credentials, name: 'A', issuer: 'https://a.example?x' }, '/body/issuer', /query/],
    [
      'oidc',
      { ...credentials, name: 'A', issuer: 'https://a.example', scopes: ['email'] },
      '/body/scopes',
      'Must include "openid".',
    ],
  ])('a provider of the kind %s is refused with %j', async (kind, body, pointer, message) => {
    const response = await post(kind, body);
    expect(problem(response)).toBe('400 validation_failed');
    expect(faults(response)[pointer]).toMatch(message);
    expect(await list()).toEqual([]);
  });

  it('the fifty-first provider, also when many are added at once', async () => {
    await Promise.all(Array.from({ length: 48 }, () => post('google', credentials)));
    const answers = await Promise.all(Array.from({ length: 4 }, () => post('google', credentials)));
    expect(answers.map(({ statusCode }) => `${statusCode}`).toSorted()).toEqual(['201', '201', '409', '409']);
    expect(await list()).toHaveLength(50);
  });
});

describe('Google and Microsoft', () => {
  it('are registered without a call to anybody', async () => {
    const called: string[] = [];
    const offline = {
      fetch: async (url: string) => {
        called.push(url);
        throw new Error('nobody is to be called');
      },
      close: async () => {},
    };
    const other = await buildTestApp({ db: app.db, outbound: offline });
    const there = await createWorld(other);
    const response = await post('google', credentials, there);
    const message = 'IDP activated successfully';
    expect(response.statusCode).toBe(201);
    expect(response.json()).toEqual({ message, id: expect.stringMatching(/^\d{18}$/), callbackUrls });
    expect((await post('azure', credentials, there)).json()).toMatchObject({ message, callbackUrls });
    expect(called).toEqual([]);
    await other.app.close();
  });

  it.each([
    [{}, 'common', { tenantType: 'AZURE_AD_TENANT_TYPE_COMMON' }],
    [{ tenantType: 'AZURE_AD_TENANT_TYPE_ORGANISATIONS' }, 'organizations', undefined],
    [{ tenantType: 'AZURE_AD_TENANT_TYPE_CONSUMERS' }, 'consumers', undefined],
    [
      { tenantId: '72F988BF-86F1-41AF-91AB-2D7CD011DB47' },
      '72f988bf-86f1-41af-91ab-2d7cd011db47',
      { tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47' },
    ],
  ])('Microsoft with %j gets the issuer of its tenant', async (whose, tenant, shown) => {
    await post('azure', { ...credentials, ...whose });
    const [found] = await list();
    expect(found).toMatchObject({
      type: 'azure',
      name: 'Microsoft',
      issuer: `https://login.microsoftonline.com/${tenant}/v2.0`,
      ...(shown ?? whose),
    });
  });
});

describe('a generic provider', () => {
  it('is registered once its configuration was read', async () => {
    const response = await post('oidc', { ...oidcBody(), scopes: ['openid', 'email'], trustEmail: true });
    expect(response.statusCode).toBe(201);
    const { id } = response.json<{ id: string }>();
    expect(await list()).toEqual([
      {
        id,
        type: 'oidc',
        name: 'Acme SSO',
        issuer: provider.issuer,
        clientId: 'our-client',
        scopes: ['openid', 'email'],
        trustEmail: true,
        acrMapping: [],
        enabled: true,
        callbackUrls,
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
      },
    ]);
    expect(provider.calls.get('/.well-known/openid-configuration')).toBe(1);
  });

  const discovery = '/.well-known/openid-configuration';

  it.each([
    ['is not there', { status: { [discovery]: 404 } }, 'The provider responded with an unexpected status.'],
    ['fails', { status: { [discovery]: 500 } }, 'The provider responded with an unexpected status.'],
    ['does not answer', { hangs: [discovery] }, 'The server did not respond completely before the timeout.'],
    [
      'sends a response without end',
      { text: { [discovery]: `"${'x'.repeat(300_000)}"` } },
      'The response has more than 262144 bytes.',
    ],
    ['sends invalid JSON', { text: { [discovery]: '{' } }, 'The response of the provider is not valid JSON.'],
    [
      'declares another issuer',
      { metadata: { issuer: 'https://else.example' } },
      'The provider declares another issuer.',
    ],
    ['redirects elsewhere', { redirects: { [discovery]: 'http://127.0.0.1:1/' } }, 'The server could not be reached.'],
    ['has no keys', { metadata: { jwks_uri: undefined } }, 'The configuration of the provider lacks jwks_uri.'],
    [
      'has no token endpoint',
      { metadata: { token_endpoint: 7 } },
      'The configuration of the provider lacks token_endpoint.',
    ],
    [
      'has no page to sign in on',
      { metadata: { authorization_endpoint: 'javascript:alert(1)' } },
      'The configuration of the provider lacks authorization_endpoint.',
    ],
  ])('a provider that %s is refused with the reason', async (_, misbehaviour, reason) => {
    provider.misbehaviour = misbehaviour;
    const response = await post('oidc', oidcBody());
    expect(problem(response)).toBe('400 idp_discovery_failed');
    expect(response.json()).toMatchObject({ detail: `The configuration of the provider could not be used. ${reason}` });
    expect(await list()).toEqual([]);
  });

  it('a generic provider without a listening server is refused', async () => {
    const response = await post('oidc', { ...oidcBody(), issuer: 'http://127.0.0.1:1' });
    expect(problem(response)).toBe('400 idp_discovery_failed');
    expect(response.body).toContain('The server could not be reached.');
  });
});

describe('identity providers in production', () => {
  let production: TestApp;
  beforeAll(async () => {
    const env = {
      NODE_ENV: 'production',
      ALLOW_EMBEDDED: 'true',
      PUBLIC_URL: 'https://iam.example.com',
      MASTER_KEY: masterKey.toString('base64'),
    };
    production = await buildTestApp({ db: app.db, env });
  });
  afterAll(() => production?.app.close());

  const notPublic = 'The server has no public IP address.';

  it.each([
    ['http://accounts.example.com', 'The issuer must be an https URL.'],
    ['https://127.0.0.1', notPublic],
    ['https://0x7f.1', notPublic],
    ['https://10.1.2.3', notPublic],
    ['https://169.254.169.254', notPublic],
    ['https://[::1]', notPublic],
    ['https://[::ffff:10.0.0.1]', notPublic],
    ['https://[fd00::1]', notPublic],
    ['https://localhost', notPublic],
  ])('%s is not called', async (issuer, reason) => {
    const there = await createWorld(production);
    const response = await post('oidc', { ...oidcBody(), issuer }, there);
    expect(problem(response)).toBe('400 idp_discovery_failed');
    expect(response.body).toContain(reason);
  });

  it('the callback URL is that of the public address', async () => {
    const there = await createWorld(production);
    expect((await post('google', credentials, there)).json()).toMatchObject({
      callbackUrls: ['https://iam.example.com/idps/callback'],
    });
  });
});

describe('a change', () => {
  it('sets the fields that it names and keeps the others', async () => {
    const id = await idOf('oidc', oidcBody());
    const response = await patch(id, { name: 'Other', enabled: false, trustEmail: true, clientId: 'other-client' });
    expect(response.statusCode).toBe(200);
    const changed = {
      name: 'Other',
      enabled: false,
      trustEmail: true,
      clientId: 'other-client',
      issuer: provider.issuer,
    };
    expect(response.json()).toMatchObject(changed);
    expect(await list()).toMatchObject([changed]);
    expect((await patch(id, { enabled: true })).json()).toMatchObject({ ...changed, enabled: true });
    expect((await world.events()).at(-2)).toMatchObject({
      action: 'identity_provider.updated',
      target: `identity_provider ${id}`,
      changes: ['name', 'clientId', 'enabled', 'trustEmail'],
    });
  });

  it.each([
    [{}, '/body'],
    [{ issuer: 'https://else.example' }, '/body/issuer'],
    [{ name: null }, '/body/name'],
    [{ trustEmail: true }, '/body/trustEmail'],
  ])('a change to %j of Google is refused', async (body, pointer) => {
    const id = await idOf('google', credentials);
    const response = await patch(id, body);
    expect(problem(response)).toBe('400 validation_failed');
    expect(Object.keys(faults(response))).toContain(pointer);
  });

  it('changing or deleting a provider of another app finds no provider', async () => {
    const elsewhere = await createWorld(app);
    const id = await idOf('google', credentials, elsewhere);
    expect(problem(await patch(id, { enabled: false }))).toBe('404 idp_not_found');
    const { token } = world.admin;
    expect(problem(await world.call('DELETE', `/v1/authorization/idps/${id}`, { token }))).toBe('404 idp_not_found');
    expect(await list(elsewhere)).toMatchObject([{ id, enabled: true }]);
  });

  it('a deletion removes the provider from the list', async () => {
    const id = await idOf('google', credentials);
    const { token } = world.admin;
    const url = `/v1/authorization/idps/${id}`;
    const answers = await Promise.all([world.call('DELETE', url, { token }), world.call('DELETE', url, { token })]);
    expect(answers.map(({ statusCode }) => `${statusCode}`).toSorted()).toEqual(['204', '404']);
    expect(await list()).toEqual([]);
  });
});

describe('the client secret', () => {
  const stored = async (id: string) => {
    const [row] = await app.db.query<{ sealed: Buffer }>(
      sql`SELECT sealed_client_secret AS sealed FROM identity_providers WHERE app_id = ${world.appId} AND id = ${id}`,
    );
    return row?.sealed ?? Buffer.alloc(0);
  };

  it('is in no response or event, and only encrypted in the database', async () => {
    const created = await post('google', credentials);
    const { id } = created.json<{ id: string }>();
    const patched = await patch(id, { clientSecret: 'new-secret-4567' });
    const shown = [created.body, patched.body, JSON.stringify(await list()), JSON.stringify(await world.events())];
    expect(shown.filter((text) => /our-secret-0123|new-secret-4567/.test(text))).toEqual([]);
    const sealed = await stored(id);
    expect(sealed.includes('new-secret-4567')).toBe(false);
    expect(openClientSecret(app.services.sealer, world.appId, id, sealed)).toBe('new-secret-4567');
  });

  it('is sealed for its row alone', async () => {
    const id = await idOf('google', credentials);
    const sealed = await stored(id);
    expect(() => openClientSecret(app.services.sealer, world.appId, '1', sealed)).toThrow(/another context/);
    expect(() => openClientSecret(app.services.sealer, '1', id, sealed)).toThrow(/another context/);
  });

  it('is sealed again by the command that changes the master key', async () => {
    const id = await idOf('google', credentials);
    const [current, old] = [Buffer.alloc(32, 9), masterKey];
    const both = createSealer({ current, old: [old] });
    const { secrets } = await reseal(app.db, both);
    expect(secrets).toBeGreaterThan(0);
    const alone = createSealer({ current, old: [] });
    expect(openClientSecret(alone, world.appId, id, await stored(id))).toBe('our-secret-0123');
    expect((await reseal(app.db, both)).secrets).toBe(0);
    await reseal(app.db, createSealer({ current: old, old: [current] }));
  });
});

describe('the metadata of an app', () => {
  const metadata = () => world.call('GET', '/v1/authentication/apps/metadata');

  it('names the enabled providers, without secrets', async () => {
    const google = await idOf('google', credentials);
    const off = await idOf('azure', credentials);
    const acme = await idOf('oidc', oidcBody());
    await patch(off, { enabled: false });
    const response = await metadata();
    expect(response.json()).toEqual({
      appName: world.appName,
      displayName: world.appName,
      idpConfigs: [
        { id: google, type: 'google', name: 'Google' },
        { id: acme, type: 'oidc', name: 'Acme SSO' },
      ],
      passwordPolicy: { minLength: 10, maxLength: 128 },
      signInMethods: ['password', 'provider'],
      signUpEnabled: true,
    });
  });

  it('says that sign-ups are disabled', async () => {
    await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { settings: { signUpEnabled: false } });
    expect((await metadata()).json()).toMatchObject({ idpConfigs: [], signUpEnabled: false });
  });
});
