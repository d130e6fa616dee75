import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createOutbound, type Outbound } from '../http/outbound.ts';
import { goThrough, redeem } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';

// Google and Microsoft are called at their real names. This machine responds to these calls.

const credentials = { clientId: 'our-client', clientSecret: 'our-secret' };
const ofMicrosoft = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`;
const tenantId = '72f988bf-86f1-41af-91ab-2d7cd011db47';
const consumers = '9188040d-6c67-4c5b-b112-36a304b66dad';

let google: TestProvider;
let microsoft: Readonly<Record<'common' | 'organizations' | 'consumers' | 'tenant' | 'personal', TestProvider>>;
let app: TestApp;
let world: World;

/** Redirects calls to the addresses of these providers to the test providers. */
function bring(providers: readonly TestProvider[]): Outbound {
  const outbound = createOutbound({ allowsPrivate: true });
  return {
    ...outbound,
    fetch: (url, request) => {
      const provider = providers.find(({ issuer }) => url.startsWith(`${issuer}/`));
      if (!provider) throw new Error(`nobody is at ${url}`);
      return outbound.fetch(url.replace(provider.issuer, provider.origin), request);
    },
  };
}

beforeAll(async () => {
  google = await TestProvider.start('https://accounts.google.com');
  const start = (name: string) => TestProvider.start(ofMicrosoft(name));
  microsoft = {
    common: await start('common'),
    organizations: await start('organizations'),
    consumers: await start('consumers'),
    tenant: await start(tenantId),
    personal: await start(consumers),
  };
  const all = [google, ...Object.values(microsoft)];
  app = await buildTestApp({ outbound: bring(all) });
  for (const provider of all) provider.now = () => app.clock.now();
  // The issuer of many tenants is a pattern, like the issuer of Microsoft.
  const pattern = {
    metadata: { issuer: ofMicrosoft('{tenantid}'), authorization_response_iss_parameter_supported: false },
  };
  microsoft.common.misbehaviour = pattern;
  microsoft.organizations.misbehaviour = pattern;
  microsoft.consumers.misbehaviour = { metadata: { ...pattern.metadata, issuer: ofMicrosoft(consumers) } };
});
beforeEach(async () => {
  world = await createWorld(app);
});
afterAll(async () => {
  await app?.close();
  for (const provider of [google, ...Object.values(microsoft)]) await provider?.stop();
});

async function register(kind: 'google' | 'azure', more: object = {}): Promise<string> {
  const options = { token: world.admin.token, body: { ...credentials, ...more } };
  const response = await world.call('POST', `/v1/authorization/idps/${kind}`, options);
  return response.json<{ id: string }>().id;
}

async function come(provider: TestProvider, idpId: string, person: Readonly<Record<string, unknown>>) {
  provider.person = { sub: 'jon', email: 'jon@example.com', ...person };
  return redeem(world, await goThrough(world, provider, idpId));
}

const inTenant = (tid: string, more: object = {}) => ({ iss: ofMicrosoft(tid), tid, ...more });

describe('Google', () => {
  it('vouches for an address by email_verified', async () => {
    const idpId = await register('google');
    expect(problem(await come(google, idpId, { email_verified: false }))).toBe('403 idp_email_unverified');
    expect((await come(google, idpId, { email_verified: true })).json()).toMatchObject({ isNewUser: true });
  });

  it('is asked at its own address', async () => {
    const idpId = await register('google');
    const body = { idpId, successUrl: 'http://localhost/', failureUrl: 'http://localhost/' };
    const response = await world.call('POST', '/v1/authentication/idp/intents/create', { body });
    const { pathname } = new URL(response.json<{ authUrl: string }>().authUrl);
    const { location } = (await world.call('GET', pathname, { app: null })).headers;
    expect(location).toMatch(/^https:\/\/accounts\.google\.com\/authorize\?/);
  });
});

describe('Microsoft', () => {
  it('vouches for an address of any tenant by xms_edov only, regardless of other claims', async () => {
    const idpId = await register('azure');
    const claims = inTenant(tenantId, { email_verified: true, verified_primary_email: ['jon@example.com'] });
    expect(problem(await come(microsoft.common, idpId, claims))).toBe('403 idp_email_unverified');
    for (const affirmed of [true, '1', 1, 'true']) {
      const sub = `jon ${String(affirmed)} ${typeof affirmed}`;
      const email = `${typeof affirmed}-${String(affirmed)}@example.com`;
      const response = await come(microsoft.common, idpId, { ...claims, sub, email, xms_edov: affirmed });
      expect(response.statusCode).toBe(200);
    }
    for (const denied of [false, 'false', 0, '0', null]) {
      const response = await come(microsoft.common, idpId, { ...claims, sub: 'other', xms_edov: denied });
      expect(problem(response)).toBe('403 idp_email_unverified');
    }
  });

  it('has tokens of each tenant under its own name, and of no other', async () => {
    const idpId = await register('azure');
    microsoft.common.person = { sub: 'jon', iss: ofMicrosoft(consumers), tid: tenantId };
    expect(await goThrough(world, microsoft.common, idpId)).toMatchObject({ error: 'provider_response_invalid' });
    microsoft.common.person = { sub: 'jon', iss: 'https://else.example/v2.0', tid: tenantId };
    expect(await goThrough(world, microsoft.common, idpId)).toMatchObject({ error: 'provider_response_invalid' });
  });

  it('takes two people of two tenants for two', async () => {
    const idpId = await register('azure');
    const one = await come(microsoft.common, idpId, { ...inTenant(tenantId), xms_edov: true });
    const other = { ...inTenant(consumers), xms_edov: true, email: 'mia@example.com' };
    const two = await come(microsoft.common, idpId, other);
    expect(two.json()).toMatchObject({ isNewUser: true });
    expect(one.json<{ userId: string }>().userId).not.toBe(two.json<{ userId: string }>().userId);
  });

  it('Microsoft for organizations does not accept personal accounts', async () => {
    const idpId = await register('azure', { tenantType: 'AZURE_AD_TENANT_TYPE_ORGANISATIONS' });
    microsoft.organizations.person = { sub: 'jon', ...inTenant(consumers) };
    expect(await goThrough(world, microsoft.organizations, idpId)).toMatchObject({ error: 'account_not_allowed' });
    const response = await come(microsoft.organizations, idpId, { ...inTenant(tenantId), xms_edov: true });
    expect(response.statusCode).toBe(200);
  });

  it('Microsoft for consumers accepts personal accounts only', async () => {
    const idpId = await register('azure', { tenantType: 'AZURE_AD_TENANT_TYPE_CONSUMERS' });
    const personal = { ...inTenant(consumers), xms_edov: true };
    expect((await come(microsoft.consumers, idpId, personal)).statusCode).toBe(200);
    expect(problem(await come(microsoft.consumers, idpId, { ...inTenant(consumers), sub: 'x' }))).toBe(
      '403 idp_email_unverified',
    );
    microsoft.consumers.person = { sub: 'jon', ...inTenant(tenantId) };
    expect(await goThrough(world, microsoft.consumers, idpId)).toMatchObject({ error: 'provider_response_invalid' });
  });

  it('Microsoft of one tenant vouches for its addresses, and refuses other tenants', async () => {
    const idpId = await register('azure', { tenantId });
    expect((await come(microsoft.tenant, idpId, inTenant(tenantId))).json()).toMatchObject({ isNewUser: true });
    microsoft.tenant.person = { sub: 'jon', ...inTenant(consumers) };
    expect(await goThrough(world, microsoft.tenant, idpId)).toMatchObject({ error: 'provider_response_invalid' });
  });

  it('does not vouch for addresses by the tenant of all personal accounts, which anybody can have', async () => {
    const idpId = await register('azure', { tenantId: consumers });
    expect(problem(await come(microsoft.personal, idpId, inTenant(consumers)))).toBe('403 idp_email_unverified');
    const vouchedFor = await come(microsoft.personal, idpId, { ...inTenant(consumers), xms_edov: true });
    expect(vouchedFor.statusCode).toBe(200);
  });

  it.each(['common', 'organizations'])('Microsoft of many tenants cannot be a generic provider: %s', async (tenant) => {
    const body = { ...credentials, name: 'Microsoft', issuer: ofMicrosoft(tenant) };
    const response = await world.call('POST', '/v1/authorization/idps/oidc', { token: world.admin.token, body });
    expect(problem(response)).toBe('400 idp_discovery_failed');
    expect(response.json()).toMatchObject({
      detail: expect.stringContaining('Register Microsoft as a provider of its own type.'),
    });
  });
});
