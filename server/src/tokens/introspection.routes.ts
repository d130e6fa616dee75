import { accepting, overApp } from '../access/access.ts';
import { appNameOf } from '../calls/authenticate.ts';
import { noAudit, route } from '../calls/route.ts';
import { introspect } from './introspect.ts';
import { introspection, introspectToken } from './introspection.schema.ts';

export const introspectionRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/token/introspection',
    operationId: 'introspectToken',
    tag: 'authentication',
    summary: 'Introspect a token',
    description:
      'Describes a token that a backend received, with the field names of RFC 7662. Accepts session ' +
      'tokens and access tokens of humans, and tokens of machine users with any audience. Each call reads ' +
      'the database, so a session that has just ended is not active. Introspection of a session token ' +
      'counts as use of the session. Tokens of other apps and invalid values are not active.',
    access: accepting({ machineScope: 'tokens:read' }, overApp('GENERIC_MACHINE_USER')),
    audit: noAudit('It reads; the last use of a session is a counter.'),
    body: introspectToken,
    response: { status: 200, description: 'The description of the token.', body: introspection },
    handler: ({ services, appId, request, body }) =>
      introspect(services, { id: appId, name: appNameOf(request) }, body.token),
  }),
];
