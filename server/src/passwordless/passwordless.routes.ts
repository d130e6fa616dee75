import { publicAccess } from '../access/access.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { requireSignInMethod } from '../apps/sign-in-methods.ts';
import { chooseUrlTemplate } from '../apps/url-template.ts';
import { noAudit, route } from '../calls/route.ts';
import { presentedDeviceTokens } from '../devices/device-token.ts';
import { emailKey } from '../http/email-address.ts';
import { sha256 } from '../keys/secrets.ts';
import { insertSignInCodeRequest } from '../sign-in/sign-in-code-requests.store.ts';
import { requestSignInCode, signInCodeRequested } from './passwordless.schema.ts';
import { bindBrowser } from './sign-in-browser.ts';

export const passwordlessRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/sessions/email-code',
    operationId: 'requestSignInCode',
    tag: 'authentication',
    summary: 'Request a code to sign in',
    description:
      'Sends a code to the address if it belongs to an active user; an invited user gets the invitation again. The ' +
      'response is the same for every address; the mail is sent afterwards. Send the code to `POST …/users/sessions` ' +
      'with the address. Codes are valid for ten minutes. While three codes are valid, no further mail is sent. The ' +
      'short code works everywhere. The code of the link works only in the browser that made this call, which keeps ' +
      'the cookie `sign-in-browser`. The app setting `signInMethods` must include `emailCode`.',
    access: publicAccess({ setsCookie: true }),
    knowsDevice: true,
    addressLimit: 'codeRequestsPerAddressPerHour',
    audit: noAudit('The account is looked up in the background, and the event is written together with the code.'),
    body: requestSignInCode,
    response: {
      status: 200,
      description: 'The request is accepted.',
      body: signInCodeRequested,
      headers: { 'Set-Cookie': 'The cookie that binds the link to this browser.' },
    },
    errors: ['sign_in_method_disabled', 'redirect_url_not_allowed'],
    handler: async (call) => {
      const { services, appId, client, body } = call;
      const app = await namedAppOf(call);
      requireSignInMethod(app, 'emailCode');
      const template = chooseUrlTemplate(call, app, 'signInUrl', body.signInUrl);
      await insertSignInCodeRequest(services.db, appId, {
        id: services.ids.next(),
        emailKey: emailKey(body.email),
        urlTemplate: template ?? null,
        ip: client.ip,
        userAgent: client.userAgent ?? null,
        deviceHashes: presentedDeviceTokens(call, app.name).map(sha256),
        browserHash: bindBrowser(call, app),
        requestId: client.requestId,
        createdAt: services.clock.now(),
      });
      return { message: 'If the account exists, an email has been sent' };
    },
  }),
];
