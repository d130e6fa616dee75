import { publicAccess } from '../access/access.ts';
import { route } from '../calls/route.ts';
import { rejected, rejection } from './not-me.schema.ts';
import { reject } from './reject.ts';

export const notMeRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/email/verification/rejection',
    operationId: 'rejectEmailVerification',
    tag: 'authentication',
    summary: 'Report that it was not me',
    description:
      'The button of the page `/apps/{app}/not-me` sends this call. The effect depends on the mail. Verification ' +
      'mail: rejects the sign-up if the account is not claimed. Password, sessions, identities, devices and codes ' +
      'become void, and the address becomes unverified. Id, address and memberships are kept. At most two sign-ups ' +
      'of one account can be rejected a day. Mail about a new device: ends that session. Mail about a new identity, ' +
      'API key, second factor, password or machine secret: removes it and ends all sessions. An API key or secret of ' +
      'an organization is removed even if another owner has adopted or confirmed it. A second factor that ' +
      'was used is removed only within a day. Mail about a removed factor, or about used or replaced recovery codes: ' +
      'ends all sessions. All other mails also end all personal API keys and start a password reset. Mail about a ' +
      'requested removal of second factors: only cancels the removal. The links are valid for 30 days.',
    access: publicAccess(),
    addressLimit: 'codeRequestsPerAddressPerHour',
    audit: 'user.rejected',
    body: rejection,
    response: { status: 200, description: 'It is rejected.', body: rejected },
    errors: ['code_invalid', 'rate_limited'],
    handler: async (call) => {
      await reject(call, call.body.token);
      return { message: 'Rejected' };
    },
  }),
];
