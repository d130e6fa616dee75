import { isDeepStrictEqual } from 'node:util';
import { accepting, overOrganization } from '../access/access.ts';
import { requireScope } from '../access/decide.ts';
import type { OrganizationOperation } from '../access/organization-states.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, nothingKept, route } from '../calls/route.ts';
import { ApiError } from '../http/errors.ts';
import { isManagerOnly } from '../members/reach.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { toOrganizationApiKey } from './api-key-resource.ts';
import {
  apiKey,
  apiKeyCreated,
  apiKeyList,
  apiKeyListQuery,
  apiKeyParams,
  createApiKey,
  patchApiKey,
} from './api-keys.schema.ts';
import { getApiKey, setMaker } from './api-keys.store.ts';
import { changeApiKey, listApiKeys, revokeApiKey } from './change-api-key.ts';
import { holdMaker, makeOrganizationKey, methodsOf } from './make-api-key.ts';

const overKeys = (operation: OrganizationOperation) =>
  accepting(
    { machineScope: 'api-keys:write' },
    overOrganization(operation, 'ORG_OWNER', 'ORG_USER_MANAGER', 'GENERIC_MACHINE_USER'),
  );

/** Managers are allowed only if the app setting says so. @throws ApiError `access_denied` */
async function requireReach(call: Call): Promise<void> {
  if (!isManagerOnly(call)) return;
  if (!call.held.includes('ORG_USER_MANAGER')) throw new Error('Only managers and owners may reach this route');
  const { settings } = await namedAppOf(call);
  if (settings.managersMayMakeApiKeys) return;
  throw new ApiError('access_denied', {
    detail: 'In this app, only owners of an organization can manage its API keys.',
    isDenial: true,
  });
}

const organizationOf = ({ orgId }: Call) => ({ orgId });

export const apiKeyRoutes = [
  route({
    method: 'POST',
    url: '/v1/authorization/organizations/:orgId/api-keys',
    operationId: 'createApiKey',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Create an API key of an organization',
    description:
      'Creates an API key that belongs to the organization. It is shown only once. The key has the roles or ' +
      'permissions of the request. At each use, only those count that its creator (`maker`) has or may grant at that ' +
      'time. If the creator is no longer an active member, the key is refused until an owner adopts it. An ' +
      'organization has at most 100 keys. Managers can call this if the app setting `managersMayMakeApiKeys` is ' +
      'true. A machine user of the app also needs the scope `members:write`.',
    access: overKeys('grant'),
    audit: 'api_key.created',
    idempotency: 'kept',
    params: organizationParams,
    body: createApiKey,
    response: { status: 201, description: 'The API key is created.', body: apiKeyCreated },
    errors: ['unknown_role', 'api_key_limit_reached'],
    authorize: async (call) => {
      await requireReach(call);
      // A key gives roles, which a machine user may grant only with this scope.
      if (call.actor.kind === 'machine') requireScope(call.actor.scopes, 'members:write');
    },
    handler: (call) => makeOrganizationKey(call, call.body, (made, key) => ({ key, ...toOrganizationApiKey(made) })),
  }),

  route({
    method: 'GET',
    url: '/v1/authorization/organizations/:orgId/api-keys',
    operationId: 'listApiKeys',
    tag: 'authorization',
    summary: 'List the API keys of an organization',
    description: 'Lists the API keys that belong to the organization, without the keys. Personal keys are not listed.',
    access: overKeys('read'),
    params: organizationParams,
    query: apiKeyListQuery,
    response: { status: 200, description: 'A page of API keys.', body: apiKeyList },
    handler: async (call) => {
      await requireReach(call);
      const { metadata, items } = await listApiKeys(call, organizationOf(call), call.query);
      return { metadata, apiKeys: items.map(toOrganizationApiKey) };
    },
  }),

  route({
    method: 'PATCH',
    url: '/v1/authorization/organizations/:orgId/api-keys/:apiKeyId',
    operationId: 'updateApiKey',
    freshAuthentication: 'always',
    freshAuthenticationFor: 'changes',
    tag: 'authorization',
    summary: 'Update an API key of an organization',
    description:
      'Changes name, expiry and quota of an API key. Absent fields stay unchanged. Managers can change only keys ' +
      'that they created.',
    access: overKeys('change'),
    audit: 'api_key.updated',
    params: apiKeyParams,
    body: patchApiKey,
    response: { status: 200, description: 'The changed API key.', body: apiKey },
    errors: ['api_key_not_found'],
    handler: async (call) => {
      await requireReach(call);
      return toOrganizationApiKey(await changeApiKey(call, organizationOf(call), call.params.apiKeyId, call.body));
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/organizations/:orgId/api-keys/:apiKeyId',
    operationId: 'revokeApiKey',
    tag: 'authorization',
    summary: 'Revoke an API key of an organization',
    description: 'Ends an API key, effective from the next introspection.',
    access: overKeys('remove'),
    audit: 'api_key.revoked',
    params: apiKeyParams,
    response: { status: 204, description: 'The API key is revoked.' },
    errors: ['api_key_not_found'],
    handler: async (call) => {
      await requireReach(call);
      await revokeApiKey(call, organizationOf(call), call.params.apiKeyId);
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authorization/organizations/:orgId/api-keys/:apiKeyId/adopt',
    operationId: 'adoptApiKey',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Adopt an API key',
    description:
      "Makes the caller the `maker` of an API key of the organization. From then on, the caller's rights limit the " +
      'key. This reactivates a key whose creator is no longer an active member, and a key that was created before ' +
      'the organization required a second factor.',
    access: overOrganization('grant', 'ORG_OWNER'),
    audit: 'api_key.adopted',
    idempotency: nothingKept('Adopting a key again changes nothing.'),
    params: apiKeyParams,
    response: { status: 200, description: 'The changed API key.', body: apiKey },
    errors: ['api_key_not_found'],
    handler: (call) =>
      mutate(call, async (tx) => {
        const { appId, orgId, params } = call;
        const maker = await holdMaker(tx, call);
        const before = await getApiKey(tx, appId, { orgId }, params.apiKeyId);
        const adopted = await setMaker(tx, appId, orgId, params.apiKeyId, { maker, amr: methodsOf(call) });
        const isSame =
          before.maker?.kind === 'user' && before.maker.id === maker.id && isDeepStrictEqual(before.amr, adopted.amr);
        const event = { target: { kind: 'api_key', id: adopted.id }, orgId };
        return { result: toOrganizationApiKey(adopted), event: isSame ? undefined : event };
      }),
  }),
];
