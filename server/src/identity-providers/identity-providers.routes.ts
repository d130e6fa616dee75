import { lockApp } from '../apps/apps.store.ts';
import { overApp } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { requireFreshForChange } from '../calls/fresh-authentication.ts';
import { differingFields } from '../http/differing-fields.ts';
import { callbackUrl } from '../federation/callback-url.ts';
import { sealClientSecret } from './client-secret.ts';
import { ProviderFailure } from '../federation/failures.ts';
import {
  createAzure,
  createGoogle,
  createOidc,
  patchProvider as patchProviderBody,
  provider,
  providerCreated,
  providerList,
  providerParams,
  type ProviderPatch,
} from './identity-providers.schema.ts';
import {
  countProviders,
  deleteProvider,
  type IdentityProvider,
  insertProvider,
  listProviders,
  lockProvider,
  patchProvider,
} from './identity-providers.store.ts';
import { azureIssuer, azureTenant, defaultScopes, googleIssuer, tenantTypes } from './provider-types.ts';

/** Maximum number of providers of an app. */
const providerLimit = 50;

type NewProvider = Pick<
  IdentityProvider,
  'type' | 'name' | 'issuer' | 'clientId' | 'scopes' | 'trustEmail' | 'acrMapping'
>;

async function register(call: Call, made: NewProvider, clientSecret: string) {
  const { services, appId } = call;
  const id = services.ids.next();
  const sealedClientSecret = sealClientSecret(services.sealer, appId, id, clientSecret);
  return mutate(call, async (tx) => {
    await lockApp(tx, appId);
    if ((await countProviders(tx, appId)) >= providerLimit) throw new ApiError('idp_limit_exceeded');
    await insertProvider(tx, appId, { ...made, id, sealedClientSecret, now: services.clock.now() });
    const result = { message: 'IDP activated successfully', id, callbackUrls: [callbackUrl(services.config)] };
    return { result, event: { target: { kind: 'identity_provider', id } } };
  });
}

/**
 * Reads the configuration of the provider and compares the issuer, so that mistakes are found at registration and not
 * at the first sign-in.
 *
 * @returns the issuer as the provider spells it
 * @throws ApiError `idp_discovery_failed`
 */
async function checkIssuer({ services }: Call, issuer: string): Promise<string> {
  if (services.config.isProduction && new URL(issuer).protocol !== 'https:') {
    throw new ApiError('idp_discovery_failed', { detail: 'The issuer must be an https URL.' });
  }
  try {
    return await services.relyingParty.discover(issuer);
  } catch (error) {
    if (!(error instanceof ProviderFailure)) throw error;
    const detail = `The configuration of the provider could not be used. ${error.reason}`;
    throw new ApiError('idp_discovery_failed', { detail, cause: error });
  }
}

const toResource = ({ services }: Call, { createdAt, updatedAt, ...found }: IdentityProvider) => ({
  ...found,
  ...(found.type === 'azure' && azureTenant(found.issuer)),
  scopes: [...found.scopes],
  acrMapping: [...found.acrMapping],
  callbackUrls: [callbackUrl(services.config)],
  createdAt: createdAt.toISOString(),
  updatedAt: updatedAt.toISOString(),
});

/**
 * Google and Microsoft have their own rules for verified addresses. Their ID tokens have no `acr` and `amr` that an app
 * could trust: each tenant of Microsoft decides itself how its people authenticate.
 */
function checkTrust({ type }: IdentityProvider, patch: ProviderPatch): void {
  if (type === 'oidc') return;
  const set = (['trustEmail', 'acrMapping'] as const).filter((name) => patch[name] !== undefined);
  if (set.length === 0) return;
  const message = 'Only generic providers have this setting.';
  throw new ApiError('validation_failed', { faults: set.map((name) => ({ pointer: `/body/${name}`, message })) });
}

/**
 * Names of the fields that a patch changes. A client secret always counts as new, because the stored secret is not
 * decrypted for this.
 */
const changesOf = ({ clientSecret, ...named }: ProviderPatch, stored: IdentityProvider): string[] => [
  ...differingFields(named, stored),
  ...(clientSecret === undefined ? [] : ['clientSecret']),
];

const created = { status: 201, description: 'The provider is registered.', body: providerCreated } as const;

export const identityProviderRoutes = [
  route({
    method: 'POST',
    url: '/v1/authorization/idps/google',
    operationId: 'createGoogleIdentityProvider',
    freshAuthentication: 'stepUp',
    tag: 'idp-authentication',
    summary: 'Register Google',
    description:
      'Enables sign-in with Google. The call does not contact Google. Register the callback URL from the ' +
      'response at Google.',
    access: overApp('SUPER_ADMIN'),
    audit: 'identity_provider.created',
    idempotency: 'kept',
    body: createGoogle,
    response: created,
    errors: ['idp_limit_exceeded'],
    handler: (call) => {
      const { clientId, clientSecret } = call.body;
      const made = { type: 'google', name: 'Google', issuer: googleIssuer, clientId } as const;
      return register(call, { ...made, scopes: defaultScopes, trustEmail: false, acrMapping: [] }, clientSecret);
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authorization/idps/azure',
    operationId: 'createAzureIdentityProvider',
    freshAuthentication: 'stepUp',
    tag: 'idp-authentication',
    summary: 'Register Microsoft',
    description:
      'Enables sign-in with Microsoft: for all accounts, for accounts of organizations, for personal ' +
      'accounts, or for one tenant. The call does not contact Microsoft. Register the callback URL from ' +
      'the response at Microsoft.',
    access: overApp('SUPER_ADMIN'),
    audit: 'identity_provider.created',
    idempotency: 'kept',
    body: createAzure,
    response: created,
    errors: ['idp_limit_exceeded'],
    handler: (call) => {
      const { clientId, clientSecret, tenantType = 'AZURE_AD_TENANT_TYPE_COMMON', tenantId } = call.body;
      const issuer = azureIssuer(tenantId ?? tenantTypes[tenantType]);
      const made = { type: 'azure', name: 'Microsoft', issuer, clientId } as const;
      return register(call, { ...made, scopes: defaultScopes, trustEmail: false, acrMapping: [] }, clientSecret);
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authorization/idps/oidc',
    operationId: 'createOidcIdentityProvider',
    freshAuthentication: 'always',
    tag: 'idp-authentication',
    summary: 'Register an OpenID Connect provider',
    description:
      'Enables sign-in with any OpenID Connect provider. The call reads the discovery document of the ' +
      'provider and is refused if it is not usable. In production the provider must have a public IP ' +
      'address.',
    access: overApp('SUPER_ADMIN'),
    audit: 'identity_provider.created',
    idempotency: 'kept',
    body: createOidc,
    response: created,
    errors: ['idp_discovery_failed', 'idp_limit_exceeded'],
    handler: async (call) => {
      const { name, clientId, clientSecret, scopes = defaultScopes, trustEmail = false, acrMapping = [] } = call.body;
      const issuer = await checkIssuer(call, call.body.issuer);
      return register(call, { type: 'oidc', name, issuer, clientId, scopes, trustEmail, acrMapping }, clientSecret);
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authorization/idps',
    operationId: 'listIdentityProviders',
    tag: 'idp-authentication',
    summary: 'List identity providers',
    description: 'The identity providers of the app, oldest first, without their secrets.',
    access: overApp('SUPER_ADMIN'),
    response: { status: 200, description: 'The providers.', body: providerList },
    handler: async (call) => ({
      idps: (await listProviders(call.services.db, call.appId)).map((found) => toResource(call, found)),
    }),
  }),

  route({
    method: 'PATCH',
    url: '/v1/authorization/idps/:idpId',
    operationId: 'updateIdentityProvider',
    freshAuthentication: 'always',
    freshAuthenticationFor: 'changes',
    tag: 'idp-authentication',
    summary: 'Update an identity provider',
    description:
      'Renames a provider, disables or enables it, or replaces its client id or secret. Absent fields stay ' +
      'unchanged. While a provider is disabled, sign-ins with it are refused; links to accounts are kept.',
    access: overApp('SUPER_ADMIN'),
    audit: 'identity_provider.updated',
    params: providerParams,
    body: patchProviderBody,
    response: { status: 200, description: 'The changed provider.', body: provider },
    errors: ['idp_not_found'],
    handler: (call) => {
      const { services, appId, params, body } = call;
      const { clientSecret, ...patch } = body;
      const sealedClientSecret =
        clientSecret === undefined ? undefined : sealClientSecret(services.sealer, appId, params.idpId, clientSecret);
      return mutate(call, async (tx) => {
        const stored = await lockProvider(tx, appId, params.idpId);
        checkTrust(stored, body);
        const changes = changesOf(body, stored);
        if (changes.length === 0) return { result: toResource(call, stored), event: undefined };
        requireFreshForChange(call);
        const now = services.clock.now();
        const changed = await patchProvider(tx, appId, params.idpId, { ...patch, sealedClientSecret }, now);
        const event = { target: { kind: 'identity_provider', id: params.idpId }, changes };
        return { result: toResource(call, changed), event };
      });
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/idps/:idpId',
    operationId: 'deleteIdentityProvider',
    freshAuthentication: 'always',
    tag: 'idp-authentication',
    summary: 'Delete an identity provider',
    description:
      'Deletes a provider and its links to accounts. The accounts are kept; users without a password can set one ' +
      'with a password reset.',
    access: overApp('SUPER_ADMIN'),
    audit: 'identity_provider.deleted',
    params: providerParams,
    response: { status: 204, description: 'The provider is deleted.' },
    errors: ['idp_not_found'],
    handler: (call) =>
      mutate(call, async (tx) => {
        await deleteProvider(tx, call.appId, call.params.idpId);
        return { result: undefined, event: { target: { kind: 'identity_provider', id: call.params.idpId } } };
      }),
  }),
];
