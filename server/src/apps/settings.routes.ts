import { isDeepStrictEqual } from 'node:util';
import { accepting, overApp } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { notifySuperAdminsOf } from '../accounts/notify-super-admins.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import type { Tx } from '../db/db.ts';
import { changedFields } from '../db/changed-fields.ts';
import { ApiError } from '../http/errors.ts';
import { requireStrongestFactor, stepUpRequired } from '../access/required-authentication.ts';
import { limitNames } from '../limits/limits.ts';
import { requireFreshForChange } from '../calls/fresh-authentication.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { settings, type Settings, updateSettings } from './apps.schema.ts';
import { keepsPolicy, patchApp } from './apps.store.ts';
import { namedAppOf } from './named-app.ts';
import { checkSettings } from './check-settings.ts';
import { relyingPartyFor } from './relying-party.ts';
import { withWarnings } from './settings-warnings.ts';

/** Limits of attempts at second factors. With a high limit, codes of six digits can be guessed. */
const factorLimits = limitNames.filter((name) => name.startsWith('secondFactors'));

/** Settings that protect the sign-in of everybody. All super admins learn of a change. */
const protections = ['mfa', 'stepUp', 'stepUpOperations', 'signInMethods', 'trustedBackends'] as const;

const keepsFactorProtection = (after: Settings, before: Settings): boolean =>
  keepsPolicy(after.mfa, before.mfa) &&
  after.mfa.resetDelayHours === before.mfa.resetDelayHours &&
  factorLimits.every((name) => after.limits[name] === before.limits[name]);

/** Settings that, when they are turned on, give rights to people or machine users that did not have them. */
const granting = [
  'managersMayGrantAnyRole',
  'managersMayMakeApiKeys',
  'ownersHoldAllPermissions',
  'organizationMachineUsers',
] as const;

/**
 * Every change needs fresh authentication, because a thief with a stolen session could otherwise send mails and codes
 * to an address of their own, or disable a protection.
 *
 * @throws ApiError `reauthentication_required`, `step_up_required`
 */
function checkFreshness(call: Call, after: Settings, before: Settings): void {
  if (isDeepStrictEqual(after, before)) return;
  requireFreshForChange(
    call,
    granting.some((name) => after[name] && !before[name]),
  );
}

/** Methods of authentication (`amr`) of each kind of factor. A mailed code is only for sign-in. */
const methodsOf = { totp: ['otp'], passkey: ['hwk', 'swk'], email: [] } as const;

const hasAllowedMethod = (amr: readonly string[], { mfa }: Settings): boolean =>
  mfa.factors.some((kind) => methodsOf[kind].some((method) => amr.includes(method)));

/**
 * To start or stop requiring a second factor from everybody, the caller must have used one in the session. Otherwise
 * super admins could lock themselves out. For every change of the policy and of the limits of attempts, people who have
 * a factor must have used it recently. So a thief cannot remove the protection with a stolen session, even with the
 * password or the mailbox.
 *
 * @throws ApiError `policy_locks_you_out`, `step_up_required`
 */
function checkFactorProtection({ actor, services }: Call, after: Settings, before: Settings): void {
  if (actor.kind !== 'user' || keepsFactorProtection(after, before)) return;
  const { user, session } = actor;
  const meetsPolicy = user.hasFactor && session.factorAt !== null && hasAllowedMethod(session.amr, after);
  if (!keepsPolicy(after.mfa, before.mfa) && !meetsPolicy) {
    if (after.mfa.policy === 'required') throw new ApiError('policy_locks_you_out');
    if (before.mfa.policy === 'required') throw stepUpRequired(user);
  }
  requireStrongestFactor(actor, services.clock.now());
}

/** Notifies all super admins if settings that protect the sign-in have changed. */
async function notifyOfProtections(tx: Tx, call: Call, after: Settings, before: Settings): Promise<void> {
  const changed = protections.filter((name) => !isDeepStrictEqual(after[name], before[name]));
  const limits = factorLimits.filter((name) => after.limits[name] !== before.limits[name]);
  const names = [...changed, ...limits.map((name) => `limits.${name}`)];
  if (names.length === 0) return;
  const content = { settings: names.join(', '), changedBy: signedIn(call.actor).user.email, ...circumstancesOf(call) };
  await notifySuperAdminsOf(tx, call.services, call.appId, { purpose: 'security_settings_changed', content });
}

export const settingsRoutes = [
  route({
    method: 'GET',
    url: '/v1/authorization/apps/settings',
    operationId: 'getAppSettings',
    tag: 'authorization',
    summary: 'Get the settings of the app',
    description: 'Returns all settings of the app, including defaults.',
    access: accepting({ accessToken: true }, overApp('SUPER_ADMIN')),
    response: { status: 200, description: 'The settings.', body: settings },
    handler: async (call) => withWarnings((await namedAppOf(call)).settings, call.services.config),
  }),

  route({
    method: 'PATCH',
    url: '/v1/authorization/apps/settings',
    operationId: 'updateAppSettings',
    freshAuthentication: 'always',
    freshAuthenticationFor: 'changes',
    tag: 'authorization',
    summary: 'Change settings of the app',
    description:
      'Changes the settings in the request; absent settings stay unchanged, also within `mail`, `mfa` and `limits`. ' +
      'Effective from the next request on, in every process. Every change needs fresh authentication, with a second ' +
      'factor if the super admin has one. Only a super admin who has used a second factor in the session can change ' +
      '`mfa.policy` to `required`, or from `required`. If the app requires a second factor, one is also needed to ' +
      'turn on `managersMayGrantAnyRole`, `managersMayMakeApiKeys`, `ownersHoldAllPermissions` or ' +
      '`organizationMachineUsers`, which gives rights to others. All super admins are notified by mail of changes of ' +
      '`mfa`, `stepUp`, `stepUpOperations`, `signInMethods`, `trustedBackends` and the limits of second factors.',
    access: overApp('SUPER_ADMIN'),
    audit: 'app.settings_updated',
    body: updateSettings,
    response: { status: 200, description: 'The changed settings.', body: settings },
    errors: ['redirect_url_not_allowed', 'relying_party_in_use', 'policy_locks_you_out', 'step_up_required'],
    handler: async (call) => {
      const { appId, body, services } = call;
      const app = await namedAppOf(call);
      const changes = changedFields({ settings: body });
      if (changes.length === 0) return withWarnings(app.settings, services.config);
      const check = (merged: Settings, before: Settings) => {
        checkFreshness(call, merged, before);
        checkFactorProtection(call, merged, before);
        checkSettings(merged, { appName: app.name, before, config: services.config, pointer: '/body' });
      };
      return mutate(call, async (tx) => {
        const rules = { check, domainOfPasskeys: (of: Settings) => relyingPartyFor(of, services.config)?.id };
        const patched = await patchApp(tx, app.name, { settings: body }, services.clock.now(), rules);
        const { app: changed, before, isChanged } = patched;
        await notifyOfProtections(tx, call, changed.settings, before.settings);
        const result = withWarnings(changed.settings, services.config);
        return { result, event: isChanged ? { target: { kind: 'app', id: appId }, changes } : undefined };
      });
    },
  }),
];
