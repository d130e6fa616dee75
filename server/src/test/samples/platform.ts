import { assetUrl } from '../../http/assets.ts';
import { anotherService } from '../access-tokens.ts';
import { human, nobody, operator, type SampleCall, type SampleCalls } from './sample.ts';
import { unique } from '../world/names.ts';
import { password } from '../world/world.ts';

/** A page or probe without preparation. */
const page = (params: Readonly<Record<string, string>> = {}): [SampleCall] => [
  { admits: 'everyone', prepare: () => ({ as: nobody, params }) },
];

const tokenSamples: SampleCalls = {
  requestMachineToken: [
    {
      admits: 'everyone',
      foreign: 'invalid_client',
      prepare: ({ machine: { machineUserId, clientSecret } }) => ({
        as: nobody,
        body: { clientId: machineUserId, clientSecret },
      }),
    },
    {
      title: 'of a machine user of an organization',
      admits: 'everyone',
      foreign: 'invalid_client',
      prepare: async ({ world, orgId }) => {
        const { machineUserId, clientSecret } = await world.organizationMachine(orgId, { roles: ['reader'] });
        return { as: nobody, body: { clientId: machineUserId, clientSecret } };
      },
    },
  ],
  introspectTokenAsClient: [
    {
      admits: 'everyone',
      foreign: 'invalid_client',
      foreignIn: { 'body.token': 200 },
      prepare: ({ world, machine: { machineUserId, clientSecret }, owner: { token } }) => ({
        as: nobody,
        params: { app: world.appName },
        body: { token, client_id: machineUserId, client_secret: clientSecret },
      }),
    },
  ],
  createAccessToken: [
    {
      admits: ['stranger', 'neighbour', 'member', 'manager', 'owner', 'superAdmin'],
      prepare: ({ member }) => ({ as: human(member), body: { audience: anotherService } }),
    },
    {
      title: 'for an organization',
      admits: ['neighbour', 'member', 'manager', 'owner'],
      outcomes: { stranger: 'organization_not_found', superAdmin: 'organization_not_found' },
      prepare: ({ member, neighbourOrgId }) => ({ as: human(member), body: { organizationId: neighbourOrgId } }),
    },
  ],
  getOauthJwks: [{ admits: 'everyone', prepare: ({ world }) => ({ as: nobody, params: { app: world.appName } }) }],
  getJwks: page(),
  getAppJwks: [{ admits: 'everyone', prepare: ({ world }) => ({ as: nobody, params: { app: world.appName } }) }],
};

const appSamples: SampleCalls = {
  createApp: [
    {
      admits: ['operator'],
      target: ['app'],
      prepare: () => {
        const name = unique('created');
        const adminEmail = `admin@${name}.example`;
        const settings = { allowedOrigins: ['https://app.example.com'] };
        return {
          as: operator,
          body: { name, displayName: 'Brand new', adminEmail, adminPassword: password, settings },
        };
      },
    },
  ],
  listApps: [{ admits: ['operator'], prepare: () => ({ as: operator }) }],
  getApp: [{ admits: ['operator'], prepare: ({ world }) => ({ as: operator, params: { name: world.appName } }) }],
  updateApp: [
    {
      admits: ['operator'],
      target: ['app'],
      prepare: ({ world }) => ({
        as: operator,
        params: { name: world.appName },
        body: { displayName: 'Under another name', settings: { redirectUrls: ['https://app.example.com'] } },
      }),
    },
    {
      title: 'with nothing new',
      admits: ['operator'],
      isNoOp: true,
      prepare: ({ world }) => ({ as: operator, params: { name: world.appName }, body: { settings: {} } }),
    },
  ],
};

/** Sample calls of pages, probes, the platform API, keys and tokens. */
export const samplesOfPlatform: SampleCalls = {
  ...tokenSamples,
  ...appSamples,
  readDevelopmentMailbox: [
    {
      admits: 'everyone',
      prepare: () => ({ as: nobody, query: { to: 'nobody@example.com' }, headers: { host: 'localhost' } }),
    },
  ],
  getHealth: page(),
  getReadiness: page(),
  getMetrics: page(),
  getOpenApiDocument: page(),
  showFrontPage: page(),
  showDocs: page(),
  listPagesForPrograms: page(),
  showAllPages: page(),
  listOperations: page(),
  showReferenceWithSlash: page(),
  showDocumentationPage: page({ page: 'changelog' }),
  showSectionPage: page({ section: 'guides', page: 'mail' }),
  findCounterpart1: page({ page: 'basic-flows' }),
  findCounterpart2: page({ flow: 'multi-tenancy', page: 'introduction' }),
  findCounterpart3: page({ flow: 'multi-tenancy', step: 'organization-management', page: 'update-org-details' }),
  findCounterpart4: page({ page: 'javascript' }),
  getPageScript: page({ file: assetUrl('passkeys.js').split('/').at(-1) ?? '' }),
  getDocsAsset: page({ file: assetUrl('docs.js').split('/').at(-1) ?? '' }),
  listErrorPages: page(),
  listErrorPagesAsMarkdown: page(),
  showErrorPage: page({ code: 'validation_failed' }),
  showErrorPageAsMarkdown: page({ code: 'validation_failed' }),
};
