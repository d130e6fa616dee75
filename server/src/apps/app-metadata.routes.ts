import { publicAccess } from '../access/access.ts';
import { route } from '../calls/route.ts';
import { listProviders } from '../identity-providers/identity-providers.store.ts';
import { passwordLengths } from '../passwords/password-policy.ts';
import { appMetadata } from './app-metadata.schema.ts';
import { namedAppOf } from './named-app.ts';

/** Data for the sign-in page of a front end. */
export const appMetadataRoutes = [
  route({
    method: 'GET',
    url: '/v1/authentication/apps/metadata',
    operationId: 'getAppMetadata',
    tag: 'idp-authentication',
    summary: 'Get the metadata for a sign-in page',
    description:
      'Returns the name of the app, its active identity providers, the length of passwords, whether ' +
      'self-service sign-up is enabled, and how people can sign in. The data is public.',
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
        signInMethods: settings.signInMethods.filter(
          (method) => method !== 'passkey' || settings.mfa.relyingParty !== null,
        ),
      };
    },
  }),
];
