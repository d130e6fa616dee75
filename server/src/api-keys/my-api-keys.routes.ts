import { overApp } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { type Call, route } from '../calls/route.ts';
import { toMyApiKey } from './api-key-resource.ts';
import {
  apiKeyListQuery,
  createMyApiKey,
  myApiKey,
  myApiKeyCreated,
  myApiKeyList,
  myApiKeyParams,
  patchApiKey,
} from './api-keys.schema.ts';
import type { KeyOwner } from './api-keys.store.ts';
import { changeApiKey, listApiKeys, revokeApiKey } from './change-api-key.ts';
import { makePersonalKey } from './make-api-key.ts';

const callerOf = ({ actor }: Call): KeyOwner => ({ userId: signedIn(actor).user.id });

export const myApiKeyRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/me/api-keys',
    operationId: 'createMyApiKey',
    freshAuthentication: 'always',
    tag: 'authentication',
    summary: 'Create a personal API key',
    description:
      'Creates an API key with which other programs act for the caller in one organization. The key has the roles or ' +
      'permissions of the request. At each use, only those count that the person has at that time. It is shown only ' +
      'once. A person has at most 20 keys. Personal keys end with a password change or reset, a "not me" report, a ' +
      'deactivation of the user, and the end of the membership. The session must meet the security policy of the ' +
      'organization.',
    access: overApp('SESSION_OWNER'),
    audit: 'api_key.created',
    body: createMyApiKey,
    response: { status: 201, description: 'The API key is created.', body: myApiKeyCreated },
    errors: [
      'organization_not_found',
      'organization_inactive',
      'unknown_role',
      'access_denied',
      'api_key_limit_reached',
      'step_up_required',
    ],
    handler: (call) => {
      const { organizationId, ...body } = call.body;
      return makePersonalKey(call, organizationId, body, (made, key) => ({ key, ...toMyApiKey(made) }));
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authentication/users/me/api-keys',
    operationId: 'listMyApiKeys',
    tag: 'authentication',
    summary: 'List my API keys',
    description: 'Lists the personal API keys of the caller in all organizations, without the keys.',
    access: overApp('SESSION_OWNER'),
    query: apiKeyListQuery,
    response: { status: 200, description: 'A page of API keys.', body: myApiKeyList },
    handler: async (call) => {
      const { metadata, items } = await listApiKeys(call, callerOf(call), call.query);
      return { metadata, apiKeys: items.map(toMyApiKey) };
    },
  }),

  route({
    method: 'PATCH',
    url: '/v1/authentication/users/me/api-keys/:apiKeyId',
    operationId: 'updateMyApiKey',
    freshAuthentication: 'always',
    freshAuthenticationFor: 'changes',
    tag: 'authentication',
    summary: 'Update one of my API keys',
    description: 'Changes name, expiry and quota of a personal API key. Absent fields stay unchanged.',
    access: overApp('SESSION_OWNER'),
    audit: 'api_key.updated',
    params: myApiKeyParams,
    body: patchApiKey,
    response: { status: 200, description: 'The changed API key.', body: myApiKey },
    errors: ['api_key_not_found'],
    handler: async (call) => toMyApiKey(await changeApiKey(call, callerOf(call), call.params.apiKeyId, call.body)),
  }),

  route({
    method: 'DELETE',
    url: '/v1/authentication/users/me/api-keys/:apiKeyId',
    operationId: 'revokeMyApiKey',
    tag: 'authentication',
    summary: 'Revoke one of my API keys',
    description: 'Ends a personal API key, effective from the next introspection.',
    access: overApp('SESSION_OWNER'),
    audit: 'api_key.revoked',
    params: myApiKeyParams,
    response: { status: 204, description: 'The API key is revoked.' },
    errors: ['api_key_not_found'],
    handler: (call) => revokeApiKey(call, callerOf(call), call.params.apiKeyId),
  }),
];
