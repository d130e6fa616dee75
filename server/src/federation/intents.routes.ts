import { namedAppOf } from '../apps/named-app.ts';
import { checkIntentUrl } from '../apps/url-template.ts';
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
    summary: 'Start a sign-in with a provider',
    description:
      'Creates an intent. Next, send the browser to `authUrl`. The browser returns to `successUrl` with ' +
      '`intentId` and `intentToken`, or to `failureUrl` with `error`. The intent is valid for ten ' +
      'minutes, bound to the first browser that opens `authUrl`, and can be used once. Send a ' +
      '`codeChallenge`: it prevents an attacker from injecting the result of another sign-in.',
    access: publicAccess(),
    addressLimit: 'idpIntentsPerAddressPerHour',
    audit: noAudit('Nobody has signed in yet. The outcome of the intent writes its own event.'),
    body: createIntent,
    response: { status: 201, description: 'The intent.', body: intentCreated },
    errors: ['redirect_url_not_allowed', 'idp_not_found'],
    handler: async (call) => {
      const { services, appId, body } = call;
      const app = await namedAppOf(call);
      checkIntentUrl(call, app, body.successUrl);
      checkIntentUrl(call, app, body.failureUrl);
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
