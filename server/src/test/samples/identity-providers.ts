import { expect } from 'vitest';
import { sql } from '../../db/db.ts';
import { human, nobody, type Prepared, type SampleCalls } from './sample.ts';
import type { ErrorCode } from '../../http/errors.ts';
import type { Stage } from './stage.ts';
import {
  createIntent,
  failureUrl,
  goThrough,
  goToProvider,
  newBrowser,
  newVerifier,
  redeem,
  registerProvider,
  successUrl,
} from '../identity-flow.ts';
import { TestProvider } from '../identity-provider.ts';
import type { Person } from '../world/world.ts';

const credentials = { clientId: 'client-of-the-samples', clientSecret: 'secret-of-the-samples' };

let started: Promise<TestProvider> | undefined;

/** One provider for all samples of a process; its clock is that of the latest user. */
async function sampleProvider({ world }: Stage): Promise<TestProvider> {
  const provider = await (started ??= TestProvider.start());
  provider.now = () => world.test.clock.now();
  return provider;
}

interface Registered {
  readonly id: string;
  readonly type: string;
  readonly enabled: boolean;
}

async function registered({ world }: Stage): Promise<Registered[]> {
  const response = await world.call('GET', '/v1/authorization/idps', { token: world.admin.token });
  return response.json<{ idps: Registered[] }>().idps;
}

/** An app has a maximum number of providers; those of earlier samples are deleted. */
async function makeRoom(stage: Stage): Promise<void> {
  const { world } = stage;
  const providers = await registered(stage);
  if (providers.length < 40) return;
  for (const { id } of providers) {
    await world.call('DELETE', `/v1/authorization/idps/${id}`, { token: world.admin.token });
  }
}

/** Registers Google. @returns the id */
async function register(stage: Stage): Promise<string> {
  await makeRoom(stage);
  const { world } = stage;
  const options = { token: world.admin.token, body: credentials };
  const response = await world.call('POST', '/v1/authorization/idps/google', options);
  return response.json<{ id: string }>().id;
}

/** A number of providers that an app cannot have twice. */
async function registerMany(stage: Stage): Promise<void> {
  const { test, appId } = stage.world;
  const id = await register(stage);
  for (let count = (await registered(stage)).length; count < 30; count += 1) {
    await test.db.query(sql`
      INSERT INTO identity_providers
      SELECT (jsonb_populate_record(p, jsonb_build_object('id', ${test.services.ids.next()}::text))).*
      FROM identity_providers p WHERE p.app_id = ${appId} AND p.id = ${id}`);
  }
}

/** Google is registered in the app already; providers belong to the app, not to its organizations. */
async function google(stage: Stage): Promise<string> {
  const known = (await registered(stage)).find(({ type, enabled }) => type === 'google' && enabled);
  return known?.id ?? (await register(stage));
}

/** Registers the provider of the samples. @returns the id */
async function registerGeneric(stage: Stage, provider: TestProvider, trustEmail = true): Promise<string> {
  await makeRoom(stage);
  return registerProvider(stage.world, provider, { trustEmail });
}

/** A user with an identity at the provider of the samples. */
export async function linked(
  stage: Stage,
  who?: Person,
): Promise<{ person: Person; idpId: string; provider: TestProvider }> {
  const { world } = stage;
  const provider = await sampleProvider(stage);
  const person = who ?? (await world.person());
  const idpId = await registerGeneric(stage, provider, false);
  provider.person = { sub: `of-${person.userId}` };
  const { codeChallenge, codeVerifier } = newVerifier();
  const back = await goThrough(world, provider, idpId, { codeChallenge });
  const response = await redeem(world, back, { token: person.token, codeVerifier });
  if (response.statusCode !== 200) throw new Error(response.body);
  return { person, idpId, provider };
}

/** The last sign-in method of a user is kept, even if other users have more. */
async function expectOnlyWayInKept(stage: Stage): Promise<void> {
  const { world } = stage;
  const { userId, token } = (await linked(stage)).person;
  await world.test.db.query(
    sql`UPDATE users SET password_hash = NULL WHERE app_id = ${world.appId} AND id = ${userId}`,
  );
  await linked(stage);
  const url = '/v1/authentication/users/me/identities';
  const list = await world.call('GET', url, { token });
  const [identity] = list.json<{ identities: { id: string }[] }>().identities;
  const response = await world.call('DELETE', `${url}/${identity?.id}`, { token });
  expect(response.statusCode).toBe(409);
}

/** A browser that was redirected to the provider and back. */
async function onTheWayBack(stage: Stage) {
  const provider = await sampleProvider(stage);
  provider.person = { sub: 'somebody' };
  const { authUrl } = await createIntent(stage.world, await registerGeneric(stage, provider));
  const browser = newBrowser();
  return { browser, callback: await goToProvider(stage.world, browser, provider, authUrl) };
}

const humansElsewhere = ['stranger', 'neighbour', 'member', 'manager', 'owner', 'superAdmin'] as const;
const forHumans = (code: ErrorCode) => Object.fromEntries(humansElsewhere.map((name) => [name, code]));

const byAdmin = (prepare: (stage: Stage) => Omit<Prepared, 'as'> | Promise<Omit<Prepared, 'as'>>) => ({
  admits: ['superAdmin'] as const,
  prepare: async (stage: Stage): Promise<Prepared> => {
    await makeRoom(stage);
    return { as: human(stage.world.admin), ...(await prepare(stage)) };
  },
});

/** Sample calls of sign-in with providers. */
export const samplesOfIdentityProviders: SampleCalls = {
  getAppMetadata: [
    {
      admits: 'everyone',
      prepare: async (stage) => {
        await register(stage);
        return { as: nobody };
      },
    },
  ],
  createIntent: [
    {
      admits: 'everyone',
      prepare: async (stage) => ({ as: nobody, body: { idpId: await google(stage), successUrl, failureUrl } }),
    },
  ],
  startIntent: [
    {
      admits: 'everyone',
      prepare: async (stage) => {
        const idpId = await registerGeneric(stage, await sampleProvider(stage));
        return { as: nobody, params: { intentId: (await createIntent(stage.world, idpId)).intentId } };
      },
    },
  ],
  finishIntent: [
    {
      admits: 'everyone',
      prepare: async (stage) => {
        const { browser, callback } = await onTheWayBack(stage);
        const query = Object.fromEntries(new URL(callback).searchParams);
        return { as: nobody, query, headers: { cookie: browser.cookie ?? '' } };
      },
    },
  ],
  validateIntent: [
    {
      // A Bearer token would link instead; this identity is already linked to another user.
      admits: ['none'],
      outcomes: forHumans('intent_invalid'),
      target: ['session', 'sessionId'],
      foreign: 'intent_invalid',
      prepare: async (stage) => {
        const { person, idpId, provider } = await linked(stage);
        const { intentId, intentToken } = await goThrough(stage.world, provider, idpId);
        return { as: { ...nobody, id: person.userId }, body: { intentId, idpToken: intentToken } };
      },
      answers: (_, { as }) => ({ userId: as.id }),
    },
    {
      title: 'of somebody whose address the provider vouches for, as it did for somebody else',
      admits: ['none'],
      outcomes: forHumans('intent_invalid'),
      target: ['session', 'sessionId'],
      foreign: 'intent_invalid',
      tellsMore: ['identity.linked'],
      prepare: async (stage) => {
        const provider = await sampleProvider(stage);
        const idpId = await registerGeneric(stage, provider);
        const arrive = async ({ userId, email }: Person) => {
          provider.person = { sub: `of-${userId}`, email, email_verified: true };
          return goThrough(stage.world, provider, idpId);
        };
        const earlier = await stage.world.person();
        await redeem(stage.world, await arrive(earlier));
        const person = await stage.world.person();
        const { intentId, intentToken } = await arrive(person);
        const body = { intentId, idpToken: intentToken };
        return { as: { ...nobody, id: person.userId }, body, bystanders: [earlier.userId] };
      },
      answers: (_, { as }) => ({ userId: as.id }),
    },
  ],
  listMyIdentities: [
    {
      admits: [...humansElsewhere, 'addressed'],
      prepare: async (stage) => {
        const self = human((await linked(stage)).person);
        return { as: self, addressed: self };
      },
    },
  ],
  unlinkMyIdentity: [
    {
      admits: ['addressed'],
      outcomes: forHumans('identity_not_found'),
      target: ['identity', 'identityId'],
      prepare: async (stage) => {
        const { person } = await linked(stage);
        const url = '/v1/authentication/users/me/identities';
        const response = await stage.world.call('GET', url, { token: person.token });
        const [identity] = response.json<{ identities: { id: string }[] }>().identities;
        const self = human(person);
        return { as: self, addressed: self, params: { identityId: identity?.id ?? '' } };
      },
      afterwards: expectOnlyWayInKept,
    },
  ],
  createGoogleIdentityProvider: [{ ...byAdmin(() => ({ body: credentials })), target: ['identity_provider', 'id'] }],
  createAzureIdentityProvider: [
    { ...byAdmin(() => ({ body: credentials })), target: ['identity_provider', 'id'] },
    {
      title: 'of one tenant',
      ...byAdmin(() => ({ body: { ...credentials, tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47' } })),
      target: ['identity_provider', 'id'],
    },
  ],
  createOidcIdentityProvider: [
    {
      title: 'beside many others',
      ...byAdmin(async (stage) => {
        const { issuer } = await sampleProvider(stage);
        await registerMany(stage);
        return { body: { ...credentials, name: 'One more', issuer, scopes: ['openid', 'email'], trustEmail: true } };
      }),
      target: ['identity_provider', 'id'],
    },
    {
      ...byAdmin(async (stage) => {
        const { issuer } = await sampleProvider(stage);
        return { body: { ...credentials, name: 'Acme SSO', issuer, scopes: ['openid', 'email'], trustEmail: true } };
      }),
      target: ['identity_provider', 'id'],
    },
  ],
  listIdentityProviders: [
    byAdmin(async (stage) => {
      await register(stage);
      return {};
    }),
  ],
  updateIdentityProvider: [
    {
      ...byAdmin(async (stage) => ({
        params: { idpId: await register(stage) },
        body: { name: 'Another name', clientSecret: 'another secret', enabled: false },
      })),
      target: ['identity_provider', 'idpId'],
    },
  ],
  deleteIdentityProvider: [
    {
      ...byAdmin(async (stage) => ({ params: { idpId: await register(stage) } })),
      target: ['identity_provider', 'idpId'],
    },
  ],
};
