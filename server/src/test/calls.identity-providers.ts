import { human, nobody, type Prepared, type SampleCalls } from './calls.sample.ts';
import type { Stage } from './calls.stage.ts';
import { TestProvider } from './identity-provider.ts';

const credentials = { clientId: 'client-of-the-samples', clientSecret: 'secret-of-the-samples' };

let started: Promise<TestProvider> | undefined;

/** One provider for all samples of a process; its clock is that of whoever uses it last. */
async function sampleProvider({ world }: Stage): Promise<TestProvider> {
  const provider = await (started ??= TestProvider.start());
  provider.now = () => world.test.clock.now();
  return provider;
}

/** Registers Google. @returns the id */
async function register({ world }: Stage): Promise<string> {
  const options = { token: world.admin.token, body: credentials };
  const response = await world.call('POST', '/v1/authorization/idps/google', options);
  return response.json<{ id: string }>().id;
}

const byAdmin = (prepare: (stage: Stage) => Omit<Prepared, 'as'> | Promise<Omit<Prepared, 'as'>>) => ({
  admits: ['superAdmin'] as const,
  prepare: async (stage: Stage): Promise<Prepared> => ({ as: human(stage.world.admin), ...(await prepare(stage)) }),
});

/** How to call what is about signing in by others. */
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
  createGoogleProvider: [{ ...byAdmin(() => ({ body: credentials })), target: ['identity_provider', 'id'] }],
  createAzureProvider: [
    { ...byAdmin(() => ({ body: credentials })), target: ['identity_provider', 'id'] },
    {
      title: 'of one tenant',
      ...byAdmin(() => ({ body: { ...credentials, tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47' } })),
      target: ['identity_provider', 'id'],
    },
  ],
  createOidcProvider: [
    {
      ...byAdmin(async (stage) => {
        const { issuer } = await sampleProvider(stage);
        return { body: { ...credentials, name: 'Acme SSO', issuer, scopes: ['openid', 'email'], trustEmail: true } };
      }),
      target: ['identity_provider', 'id'],
    },
  ],
  listProviders: [
    byAdmin(async (stage) => {
      await register(stage);
      return {};
    }),
  ],
  updateProvider: [
    {
      ...byAdmin(async (stage) => ({
        params: { idpId: await register(stage) },
        body: { name: 'Another name', clientSecret: 'another secret', enabled: false },
      })),
      target: ['identity_provider', 'idpId'],
    },
  ],
  deleteProvider: [
    {
      ...byAdmin(async (stage) => ({ params: { idpId: await register(stage) } })),
      target: ['identity_provider', 'idpId'],
    },
  ],
};
