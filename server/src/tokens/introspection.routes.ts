import { accepting, overApp, publicAccess } from '../access/access.ts';
import { requireScope } from '../access/decide.ts';
import { appNameOf } from '../calls/authenticate.ts';
import { noAudit, route } from '../calls/route.ts';
import { clientCredentials } from '../http/client-credentials.ts';
import { authenticateClient } from './authenticate-client.ts';
import { introspect } from './introspect.ts';
import { introspection, introspectionForm, introspectionParams, introspectToken } from './introspection.schema.ts';

export const introspectionRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/token/introspection',
    operationId: 'introspectToken',
    tag: 'authentication',
    summary: 'Introspect a token',
    description:
      'Describes a token that a backend received, with the field names of RFC 7662. Accepts session ' +
      'tokens and access tokens of people, tokens of machine users, and API keys. If the caller has ' +
      '`allowedAudiences`, access tokens and machine tokens for other audiences are not active. Each call reads ' +
      'the database, so a session that has just ended is not active. Introspection of a session token ' +
      'counts as use of the session. Tokens of other apps and invalid values are not active.',
    access: accepting({ machineScope: 'tokens:read' }, overApp('GENERIC_MACHINE_USER')),
    audit: noAudit('It only reads; the last use of a session is a counter.'),
    body: introspectToken,
    response: { status: 200, description: 'The description of the token.', body: introspection },
    handler: ({ services, appId, actor, request, body }) => {
      if (actor.kind !== 'machine') throw new Error('Only machine users of the app may reach this route');
      return introspect(services, { id: appId, name: appNameOf(request) }, body.token, {
        audiences: actor.allowedAudiences,
      });
    },
  }),

  route({
    method: 'POST',
    url: '/apps/:app/oauth/introspect',
    operationId: 'introspectTokenAsClient',
    tag: 'authentication',
    summary: 'Introspect a token as an OAuth client',
    description:
      'The introspection endpoint of RFC 7662 for OAuth libraries. The service authenticates with the client id ' +
      'and secret of a machine user that has the scope `tokens:read`, by Basic authentication or in the form.',
    oauth: true,
    access: publicAccess({ app: 'in-path' }),
    audit: noAudit('It only reads; the last uses of the session and of the secret are counters.'),
    params: introspectionParams,
    body: introspectionForm,
    response: { status: 200, description: 'The description of the token.', body: introspection },
    errors: ['invalid_client', 'insufficient_scope', 'network_not_allowed', 'rate_limited'],
    handler: async (call) => {
      const { services, appId, params, body, request } = call;
      const credentials = clientCredentials(request, body);
      const { limits } = await authenticateClient(call, credentials, 'introspectionsPerMachinePerMinute');
      requireScope(limits.scopes, 'tokens:read');
      return introspect(services, { id: appId, name: params.app }, body.token, { audiences: limits.allowedAudiences });
    },
  }),
];
