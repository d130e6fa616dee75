import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { createOutbound, type Outbound } from '../http/outbound.ts';
import { goThrough, newVerifier, redeem, registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';

const tenant = '72f988bf-86f1-41af-91ab-2d7cd011db47';
const microsoftIssuer = `https://login.microsoftonline.com/${tenant}/v2.0`;
const email = 'jon@example.com';

let app: TestApp;
let world: World;
const providers = new Map<string, TestProvider>();

/** Sends calls to the providers' public addresses to this machine. */
function reroute(): Outbound {
  const outbound = createOutbound({ allowsPrivate: true });
  return {
    ...outbound,
    fetch: (url, request) => {
      const provider = [...providers.values()].find(({ issuer }) => url.startsWith(`${issuer}/`));
      return outbound.fetch(provider ? url.replace(provider.issuer, provider.origin) : url, request);
    },
  };
}

async function register(kind: 'google' | 'azure', more: object = {}): Promise<string> {
  const body = { clientId: 'our-client', clientSecret: 'our-secret', ...more };
  const response = await world.call('POST', `/v1/authorization/idps/${kind}`, { token: world.admin.token, body });
  return response.json<{ id: string }>().id;
}

const providerOf = (kind: string): TestProvider => {
  const provider = providers.get(kind);
  if (!provider) throw new Error(`no provider ${kind}`);
  return provider;
};

/** The registration of each type, and the claims by which the provider vouches for an address. */
const kinds: readonly [kind: string, register: () => Promise<string>, vouching: Readonly<Record<string, unknown>>][] = [
  ['google', () => register('google'), { email_verified: true }],
  ['azure', () => register('azure', { tenantId: tenant }), { iss: microsoftIssuer, tid: tenant }],
  ['oidc', () => registerProvider(world, providerOf('oidc')), { email_verified: true }],
];

beforeAll(async () => {
  providers.set('google', await TestProvider.start('https://accounts.google.com'));
  providers.set('azure', await TestProvider.start(microsoftIssuer));
  providers.set('oidc', await TestProvider.start());
  app = await buildTestApp({ outbound: reroute() });
  for (const provider of providers.values()) provider.now = () => app.clock.now();
});
beforeEach(async () => {
  world = await createWorld(app);
});
afterAll(async () => {
  await app?.close();
  for (const provider of providers.values()) await provider.stop();
});

describe.each(kinds)('a second account of one provider, %s, with the same address', (kind, registered, vouching) => {
  let idpId: string;
  beforeEach(async () => {
    idpId = await registered();
  });

  async function returned(sub: string, more: Readonly<Record<string, unknown>> = {}) {
    const provider = providerOf(kind);
    provider.person = { sub, email, ...vouching };
    return goThrough(world, provider, idpId, more);
  }
  const come = async (sub: string) => redeem(world, await returned(sub));
  const subjects = async () => {
    const rows = await app.db.query<{ subject: string }>(
      sql`SELECT subject FROM identities WHERE app_id = ${world.appId} ORDER BY id`,
    );
    return rows.map(({ subject }) => subject);
  };
  const link = async (token: string, sub: string) => {
    const { codeChallenge, codeVerifier } = newVerifier();
    return redeem(world, await returned(sub, { codeChallenge }), { token, codeVerifier });
  };

  it('is not linked by the address, also when repeated; the first one still signs in', async () => {
    const first = (await come('first')).json<{ userId: string; isNewUser: boolean }>();
    expect(first.isNewUser).toBe(true);
    for (const sub of ['second', 'second', 'third']) {
      expect(problem(await come(sub))).toBe('403 idp_link_required');
    }
    expect(await subjects()).toEqual(['first']);
    expect((await come('first')).json()).toMatchObject({ userId: first.userId, isNewUser: false });
  });

  it('is not linked to an account that was there before and got the first one by the address', async () => {
    const jon = await world.person({ email });
    expect((await come('first')).json()).toMatchObject({ userId: jon.userId, isNewUser: false });
    expect(problem(await come('second'))).toBe('403 idp_link_required');
    expect(await subjects()).toEqual(['first']);
  });

  it('is linked by anyone who is signed in, and then signs in', async () => {
    const jon = await world.person({ email });
    expect((await link(jon.token, 'first')).statusCode).toBe(200);
    expect(problem(await come('second'))).toBe('403 idp_link_required');
    expect((await link(jon.token, 'second')).statusCode).toBe(200);
    expect((await come('second')).json()).toMatchObject({ userId: jon.userId });
    expect(await subjects()).toEqual(['first', 'second']);
  });

  it.each<[what: string, prepare: () => Promise<unknown>]>([
    ['a new account', () => Promise.resolve()],
    ['an account that was there', () => world.person({ email })],
  ])('does not win a race for %s: one of several is linked', async (_, prepare) => {
    await prepare();
    const arrivals = [];
    for (const sub of ['first', 'second', 'third', 'fourth']) arrivals.push(await returned(sub));
    const answers = await Promise.all(arrivals.map((arrival) => redeem(world, arrival)));
    const refusals = answers.filter(({ statusCode }) => statusCode !== 200).map(problem);
    expect(refusals).toEqual(['403 idp_link_required', '403 idp_link_required', '403 idp_link_required']);
    expect(await subjects()).toHaveLength(1);
  });

  it('claims an account that is not claimed; a link by a stranger becomes void', async () => {
    const stranger = await world.person({ email, verified: false });
    await app.db.query(sql`
      INSERT INTO identities (app_id, id, user_id, idp_id, issuer, subject, email, created_at, last_used_at)
      SELECT ${world.appId}, ${app.services.ids.next()}, ${stranger.userId}, ${idpId}, ${providerOf(kind).issuer},
        'of the stranger', 'stranger@example.com', now(), now()`);
    expect((await come('owner')).json()).toMatchObject({ userId: stranger.userId });
    expect(await subjects()).toEqual(['owner']);
  });
});
