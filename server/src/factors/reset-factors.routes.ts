import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { accepting, overUser } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { recently } from '../access/required-authentication.ts';
import { notifySuperAdminsOf } from '../accounts/notify-super-admins.ts';
import type { Tx } from '../db/db.ts';
import { type Change, mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { ApiError } from '../http/errors.ts';
import { type GovernedUser, lockGovernedUser } from '../users/app-users.store.ts';
import { notMeUrl } from '../users/not-me-token.ts';
import { getUser } from '../users/users.store.ts';
import { userParams } from '../users/users.schema.ts';
import { insertFactorReset, mustWait } from './factor-resets.store.ts';
import { factorsReset } from './factors.schema.ts';
import { resetFactors } from './reset-factors.ts';
import { notifyOfFactor } from './notify-factor.ts';

const hourMs = 3_600_000;
/** Minimum waiting time of a reset of a super admin, so that one super admin cannot immediately take over another. */
const hoursOfSuperAdmin = 24;

async function waitingHours(tx: Tx, { services }: Call, app: App, user: GovernedUser): Promise<number> {
  const { resetDelayHours } = app.settings.mfa;
  const since = new Date(services.clock.now().getTime() - hoursOfSuperAdmin * hourMs);
  const isProtected = user.isSuperAdmin || (await mustWait(tx, app.id, user.id, since));
  return isProtected ? Math.max(resetDelayHours, hoursOfSuperAdmin) : resetDelayHours;
}

interface Outcome {
  readonly message: string;
  readonly effectiveAt: string;
}

async function resetNow(tx: Tx, call: Call, app: App, userId: string): Promise<Change<Outcome>> {
  const { appId, services } = call;
  if (!(await resetFactors(tx, appId, userId))) throw new ApiError('factor_not_found');
  await notifyOfFactor(tx, call, app, { user: await getUser(tx, appId, userId), purpose: 'factors_reset' });
  const result = { message: 'Second factors removed', effectiveAt: services.clock.now().toISOString() };
  return { result, event: { target: { kind: 'user', id: userId } } };
}

/** The mail of the person has a link that cancels the reset. All super admins learn of a reset of one of them. */
async function resetLater(tx: Tx, call: Call, app: App, user: GovernedUser, hours: number): Promise<Change<Outcome>> {
  const { appId, services } = call;
  const now = services.clock.now();
  const dueAt = new Date(now.getTime() + hours * hourMs);
  const reset = { appId, id: services.ids.next(), userId: user.id, requestedBy: signedIn(call.actor).user.id };
  const waiting = await insertFactorReset(tx, reset, { now, dueAt });
  if (!waiting) throw new ApiError('factor_not_found');
  const effectiveAt = waiting.dueAt.toISOString();
  const result = { message: 'Removal of second factors requested', effectiveAt };
  if (!waiting.isNew) return { result, event: undefined };
  const recipient = await getUser(tx, appId, user.id);
  const cancelUrl = notMeUrl(call, user, { kind: 'factor_reset', id: reset.id });
  const content = { effectiveAt, notMeUrl: cancelUrl };
  await notifyOfFactor(tx, call, app, { user: recipient, purpose: 'factors_reset_requested', content });
  if (user.isSuperAdmin) {
    const notice = { purpose: 'super_admin_factors_reset', content: { email: user.email, effectiveAt } } as const;
    await notifySuperAdminsOf(tx, services, appId, notice);
  }
  const event = { action: 'factors.reset_requested', target: { kind: 'user', id: user.id } } as const;
  return { result, event };
}

export const resetFactorsRoutes = [
  route({
    method: 'DELETE',
    url: '/v1/authorization/users/:userId/factors',
    operationId: 'resetUserFactors',
    tag: 'authorization',
    summary: "Remove a user's second factors",
    description:
      'For a person who has lost their second factors and recovery codes. Removes all of them, and ends every ' +
      'session and known device. The person is notified by mail. With the setting `mfa.resetDelayHours`, the removal ' +
      'takes effect after this time, and the mail has a link that cancels it; a repeated call changes nothing. The ' +
      'removal for another super admin takes effect after at least 24 hours, and all super admins are notified. The ' +
      'removal does not take effect if the caller is no longer a super admin then. The caller needs a second factor, ' +
      'and cannot make the call for their own account. The operator can remove those factors with `operate ' +
      'reset-factors`.',
    access: accepting({ authentication: recently(2) }, overUser('SUPER_ADMIN')),
    freshAuthentication: 'always',
    audit: 'factors.reset',
    params: userParams,
    response: { status: 200, description: 'The factors are removed, or will be.', body: factorsReset },
    errors: ['factor_not_found'],
    handler: async (call) => {
      const { appId, params } = call;
      const app = await namedAppOf(call);
      return mutate(call, async (tx) => {
        const user = await lockGovernedUser(tx, appId, params.userId);
        if (params.userId === signedIn(call.actor).user.id) {
          throw new ApiError('access_denied', {
            detail: 'Only another super admin or the operator can remove all your second factors.',
          });
        }
        const hours = await waitingHours(tx, call, app, user);
        return hours === 0 ? resetNow(tx, call, app, user.id) : resetLater(tx, call, app, user, hours);
      });
    },
  }),
];
