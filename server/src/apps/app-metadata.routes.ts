import { publicAccess } from '../access/access.ts';
import { route } from '../calls/route.ts';
import { listProviders } from '../identity-providers/identity-providers.store.ts';
import { passwordLengths } from '../passwords/password-policy.ts';
import { appMetadata } from './app-metadata.schema.ts';
import { namedAppOf } from './named-app.ts';

/** What a front end needs to draw its sign-in page. */
export const appMetadataRoutes = [
  route({
    method: 'GET',
    url: '/v1/authentication/apps/metadata',
    operationId: 'getAppMetadata',
    tag: 'idp-authentication',
    summary: 'Get what a sign-in page needs',
    description:
      'The name of the app, the providers that people may sign in with, how long passwords are, and ' +
      'whether people may sign up by themselves. Nothing secret.',
    access: publicAccess(),
    response: { status: 200, description: 'The metadata.', body: appMetadata },
    handler: async (call) => {
      const { name: appName, displayName, settings } = await namedAppOf(call);
      const providers = await listProviders(call.services.db, call.appId);
      const idpConfigs = providers.filter(({ enabled }) => enabled).map(({ id, type, name }) => ({ id, type, name }));
      return {
        appName,
        displayName,
        idpConfigs,
        passwordPolicy: passwordLengths,
        signUpEnabled: settings.signUpEnabled,
      };
    },
  }),
];
