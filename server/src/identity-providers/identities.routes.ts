import { overApp } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../calls/mutate.ts';
import { route } from '../calls/route.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import { identityList, identityParams } from './identities.schema.ts';
import { deleteIdentity, hasOtherSignInMethod, listIdentities } from './identities.store.ts';

export const identityRoutes = [
  route({
    method: 'GET',
    url: '/v1/authentication/users/me/identities',
    operationId: 'listMyIdentities',
    tag: 'authentication',
    summary: 'List my identities',
    description: 'Lists the accounts at identity providers that the caller can sign in with, oldest first.',
    access: overApp('SESSION_OWNER'),
    response: { status: 200, description: 'The identities.', body: identityList },
    handler: async ({ services, appId, actor }) => {
      const identities = await listIdentities(services.db, appId, signedIn(actor).user.id);
      return {
        identities: identities.map((identity) => ({
          ...identity,
          createdAt: identity.createdAt.toISOString(),
          lastUsedAt: identity.lastUsedAt.toISOString(),
        })),
      };
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authentication/users/me/identities/:identityId',
    operationId: 'unlinkMyIdentity',
    tag: 'authentication',
    summary: 'Unlink one of my identities',
    description:
      'The caller can no longer sign in with this identity. The last sign-in method of an account cannot ' +
      'be removed: set a password with a password reset first.',
    access: overApp('SESSION_OWNER'),
    freshAuthentication: 'always',
    audit: 'identity.unlinked',
    params: identityParams,
    response: { status: 204, description: 'The identity is unlinked.' },
    errors: ['identity_not_found', 'last_sign_in_method'],
    handler: (call) =>
      mutate(call, async (tx) => {
        const { appId, params } = call;
        const { user } = signedIn(call.actor);
        // Locked, so that two concurrent calls cannot unlink the last two sign-in methods.
        await lockCallerWithSession(tx, call);
        await deleteIdentity(tx, appId, user.id, params.identityId);
        if (!(await hasOtherSignInMethod(tx, appId, user.id, params.identityId)))
          throw new ApiError('last_sign_in_method');
        return { result: undefined, event: { target: { kind: 'identity', id: params.identityId } } };
      }),
  }),
];
