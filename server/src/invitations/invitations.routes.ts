import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { checkCode } from '../codes/codes.ts';
import { consumeCode } from '../codes/codes.store.ts';
import type { Tx } from '../db/db.ts';
import { publicAccessSettingCookie } from '../http/access.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../http/mutate.ts';
import { type Call, route } from '../http/route.ts';
import { sessionHeaders, setSessionCookies, startSession } from '../sessions/start-session.ts';
import { acceptSuperAdmin } from '../super-admins/accept-super-admin.ts';
import { acceptanceEvents, type Claim, claimAccount } from '../users/claim-account.ts';
import { emailKey } from '../users/email-address.ts';
import { checkPassword } from '../users/password-policy.ts';
import { findCredentials, getUser, lockUser, nobody } from '../users/users.store.ts';
import { acceptInvitation, invitationAccepted } from './invitations.schema.ts';

/** The invited user and the id of the code; an address nobody was invited by looks like a wrong code. */
async function proveMailbox(call: Call, body: { email: string; orgId: string; verificationCode: string }) {
  const found = await findCredentials(call.services.db, call.appId, emailKey(body.email));
  const scope = { userId: found?.id ?? nobody, purpose: 'invitation', orgId: body.orgId } as const;
  const codeId = await checkCode(call, scope, body.verificationCode);
  return { userId: scope.userId, codeId };
}

/** Who was forgotten since their code was checked has none any more. */
async function ofCode<Result>(work: Promise<Result>): Promise<Result> {
  return work.catch((error: unknown) => {
    const isGone = error instanceof ApiError && error.code === 'user_not_found';
    throw isGone ? new ApiError('code_invalid', { cause: error }) : error;
  });
}

/** The code is used up, the account is whoever's mailbox it is. */
async function claim(tx: Tx, call: Call, app: App, proof: { userId: string; codeId: string }, given: Claim) {
  const user = await ofCode(lockUser(tx, app.id, proof.userId));
  if (user.state === 'INACTIVE') throw new ApiError('user_inactive');
  if (!(await consumeCode(tx, app.id, user.id, proof.codeId))) throw new ApiError('code_invalid');
  const granted = await claimAccount(tx, call.services, app.id, user.id, given);
  const events = [...acceptanceEvents(user.id, granted), ...(await acceptSuperAdmin(tx, call, user))];
  return { events, session: await startSession(tx, call, app, { id: user.id, amr: ['pwd'] }) };
}

/** Accepting is documented as PUT; POST does the same. */
const accept = (method: 'PUT' | 'POST', operationId: string) =>
  route({
    method,
    url: '/v1/authentication/users/invite',
    operationId,
    tag: 'authentication',
    summary: 'Accept an invitation',
    description:
      'Proves the mailbox with the code of an invitation, sets a password and starts a session. All pending invitations to the address take effect; earlier passwords, sessions and codes of the account are void.',
    access: publicAccessSettingCookie,
    knowsDevice: true,
    audit: 'invitation.accepted',
    body: acceptInvitation,
    response: {
      status: 200,
      description: 'The invitation is accepted.',
      body: invitationAccepted,
      headers: sessionHeaders,
    },
    errors: ['code_invalid', 'password_too_weak', 'user_inactive', 'overloaded'],
    handler: async (call) => {
      const { body, services } = call;
      const app = await namedAppOf(call);
      // Before the code, so that a weak password costs none of its tries.
      checkPassword(body.newPassword, body);
      const proof = await proveMailbox(call, body);
      const known = await ofCode(getUser(services.db, app.id, proof.userId));
      const { email, firstName = known.firstName, lastName = known.lastName } = body;
      checkPassword(body.newPassword, { email, firstName, lastName });
      const passwordHash = await services.passwords.hash(body.newPassword);
      const started = await mutate(call, async (tx) => {
        const { session, events } = await claim(tx, call, app, proof, { ...body, passwordHash });
        const actor = { kind: 'user', id: proof.userId } as const;
        // Where no invitation was left there is still the account.
        const event = events.length > 0 ? events : { target: actor, actor, orgId: body.orgId };
        return { result: session, event };
      });
      setSessionCookies(call, app, started);
      return { message: 'Invitation accepted', userId: proof.userId, ...started };
    },
  });

export const invitationRoutes = [accept('PUT', 'acceptInvitation'), accept('POST', 'acceptInvitationByPost')];
