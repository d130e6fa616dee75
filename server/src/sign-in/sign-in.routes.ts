import { publicAccess } from '../access/access.ts';
import { route } from '../calls/route.ts';
import { signInWithCode } from '../passwordless/sign-in-with-code.ts';
import { startedSession } from '../sessions/sessions.schema.ts';
import { signIn } from './sign-in.schema.ts';
import { signInWithPassword } from './sign-in.ts';
import { sessionHeaders, setCookiesOf } from './start-session.ts';

export const signInRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/sessions',
    operationId: 'signIn',
    tag: 'authentication',
    summary: 'Sign in',
    description:
      'Starts a session with e-mail address and password, or with the code of a mail ' +
      '(`POST …/users/sessions/email-code`), which also verifies the address and claims the account. If the cookie ' +
      'holds a live session of the same person, that session is renewed instead: it keeps its id and gets a new ' +
      'token, and the old token becomes invalid. The response has the token in the body and in the cookie ' +
      '`session-token`. Failed attempts are limited per client address and per account. A device that has signed in ' +
      'to the account before has a separate limit, so that strangers cannot lock the owner out. A device is ' +
      'recognized by the cookie `device-token` or the header `X-Device-Token` of an earlier response. For a ' +
      'person with a second factor the response is 403 `mfa_required`, with `mfaToken` and `factors`; finish the ' +
      'sign-in with `PUT …/users/sessions/mfa`, from the same device. If the app requires a second factor and the ' +
      'person has none, the session can only add one.',
    access: publicAccess({ app: 'in-query', setsCookie: true }),
    knowsDevice: true,
    audit: 'session.created',
    body: signIn,
    response: {
      status: 201,
      description: 'The session has started.',
      body: startedSession,
      headers: sessionHeaders,
    },
    errors: [
      'invalid_credentials',
      'code_invalid',
      'user_inactive',
      'sign_in_method_disabled',
      'mfa_required',
      'too_many_attempts',
      'rate_limited',
      'overloaded',
    ],
    handler: async (call) => {
      const { body } = call;
      const signedIn = body.by === 'code' ? signInWithCode(call, body) : signInWithPassword(call, body);
      const { app, outcome, userId } = await signedIn;
      return { ...setCookiesOf(call, app, outcome), userId };
    },
  }),
];
