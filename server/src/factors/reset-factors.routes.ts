import { namedAppOf } from '../apps/named-app.ts';
import { accepting, overUser } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { recently } from '../access/required-authentication.ts';
import { mutate } from '../calls/mutate.ts';
import { route } from '../calls/route.ts';
import { ApiError } from '../http/errors.ts';
import { lockGovernedUser } from '../users/app-users.store.ts';
import { getUser } from '../users/users.store.ts';
import { userParams } from '../users/users.schema.ts';
import { resetFactors } from './reset-factors.ts';
import { notifyOfFactor } from './notify-factor.ts';

export const resetFactorsRoutes = [
  route({
    method: 'DELETE',
    url: '/v1/authorization/users/:userId/factors',
    operationId: 'resetUserFactors',
    tag: 'authorization',
    summary: "Remove a user's second factors",
    description:
      'For a person who has lost their second factors and recovery codes. Removes all of them, and ends every ' +
      'session and known device. The person is notified by mail. The super admin needs a second factor, and cannot ' +
      'do this for themself or another super admin; the operator can, with `operate reset-factors`.',
    access: accepting({ authentication: recently(2) }, overUser('SUPER_ADMIN')),
    freshAuthentication: 'always',
    audit: 'factors.reset',
    params: userParams,
    response: { status: 204, description: 'The user has no second factor.' },
    errors: ['factor_not_found'],
    handler: async (call) => {
      const { appId, params } = call;
      const app = await namedAppOf(call);
      await mutate(call, async (tx) => {
        const { isSuperAdmin } = await lockGovernedUser(tx, appId, params.userId);
        if (isSuperAdmin || params.userId === signedIn(call.actor).user.id) {
          throw new ApiError('access_denied', {
            detail: 'Only the operator can remove the second factors of a super admin.',
          });
        }
        if (!(await resetFactors(tx, appId, params.userId))) throw new ApiError('factor_not_found');
        const user = await getUser(tx, appId, params.userId);
        await notifyOfFactor(tx, call, app, { user, purpose: 'factors_reset' });
        return { result: undefined, event: { target: { kind: 'user', id: params.userId } } };
      });
    },
  }),
];
