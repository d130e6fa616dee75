import { namedAppOf } from '../apps/named-app.ts';
import { checkRedirectUrl } from '../apps/url-template.ts';
import { publicAccess } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { noAudit, route } from '../calls/route.ts';
import { createIntent, intentCreated } from './intents.schema.ts';
import { intentLifeMs } from './intent-content.ts';
import { insertIntent } from './intents.store.ts';

export const intentRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/idp/intents/create',
    operationId: 'createIntent',
    tag: 'idp-authentication',
    summary: 'Begin to sign in with a provider',
    description:
      'Makes an intent; send the browser to `authUrl` next. It comes back to `successUrl` with ' +
      '`intentId` and `intentToken`, or to `failureUrl` with `error`. The intent lives ten minutes, ' +
      'belongs to the first browser that opens `authUrl`, and serves once. Send a `codeChallenge`: ' +
      'without it somebody can be made to use what came back to somebody else.',
    access: publicAccess(),
    addressLimit: 'idpIntentsPerAddressPerHour',
    audit: noAudit('Nobody has signed in yet; what becomes of the intent writes its own event.'),
    body: createIntent,
    response: { status: 201, description: 'The intent.', body: intentCreated },
    errors: ['redirect_url_not_allowed', 'idp_not_found'],
    handler: async (call) => {
      const { services, appId, body } = call;
      const app = await namedAppOf(call);
      checkRedirectUrl(call, app, body.successUrl);
      checkRedirectUrl(call, app, body.failureUrl);
      const id = services.ids.next();
      const now = services.clock.now();
      const { codeChallenge = null, ...rest } = body;
      const expiresAt = new Date(now.getTime() + intentLifeMs);
      if (!(await insertIntent(services.db, appId, { ...rest, id, codeChallenge, now, expiresAt }))) {
        throw new ApiError('idp_not_found');
      }
      return { intentId: id, authUrl: `${services.config.publicUrl}/idps/start/${id}` };
    },
  }),
];
