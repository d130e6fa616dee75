import type { App } from '../apps/apps.store.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { overApp } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../calls/mutate.ts';
import { nothingKept, route } from '../calls/route.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import { deleteSessions } from '../sessions/sessions.store.ts';
import { confirmMyFactor } from './confirm-factor.ts';
import { requireKind } from './usable-factors.ts';
import {
  addTotp,
  confirmFactor,
  factorConfirmed,
  factorList,
  factorParams,
  factorUpdated,
  mostFactors,
  recoveryCodesMade,
  toFactorBody,
  totpAdded,
  updateFactor,
} from './factors.schema.ts';
import { deleteFactor, insertFactor, listFactors, renameFactor } from './factors.store.ts';
import { notifyOfFactor } from './notify-factor.ts';
import { newRecoveryCodes } from './recovery-codes.ts';
import { countRecoveryCodes, replaceRecoveryCodes } from './recovery-codes.store.ts';
import { newTotpSecret, toBase32, totpUri } from './totp.ts';
import { sealTotpSecret } from './totp-secret.ts';

/** Sessions that may manage second factors: all, also the restricted ones. */
const forRestrictedSessions = ['enrolment', 'recovery'] as const;

const targetOf = (id: string) => ({ target: { kind: 'factor', id } });

/** @throws ApiError `last_factor` if the app requires a factor and this one is the only one */
function requireAnother({ settings }: App, factors: readonly { readonly id: string }[], id: string): void {
  const isOnly = factors.length === 1 && factors[0]?.id === id;
  if (isOnly && settings.mfa.policy === 'required') throw new ApiError('last_factor');
}

export const factorRoutes = [
  route({
    method: 'GET',
    url: '/v1/authentication/users/me/factors',
    operationId: 'listMyFactors',
    tag: 'authentication',
    summary: 'List my second factors',
    description: 'The confirmed second factors of the caller, and the number of recovery codes.',
    access: overApp('SESSION_OWNER'),
    forRestrictedSessions,
    response: { status: 200, description: 'The second factors.', body: factorList },
    handler: async ({ services: { db }, appId, actor }) => {
      const { id } = signedIn(actor).user;
      const factors = await listFactors(db, appId, id);
      return { factors: factors.map(toFactorBody), recoveryCodes: await countRecoveryCodes(db, appId, id) };
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authentication/users/me/factors/totp',
    operationId: 'addMyTotpFactor',
    tag: 'authentication',
    summary: 'Add an authenticator app',
    description:
      'Returns the secret of an authenticator app (TOTP, RFC 6238), also as a QR code. The factor is used only after ' +
      '`POST …/factors/{factorId}/confirmation`, within an hour. It replaces a factor that was not confirmed.',
    access: overApp('SESSION_OWNER'),
    forRestrictedSessions,
    freshAuthentication: 'always',
    audit: 'factor.created',
    idempotency: nothingKept('The response has a secret, and the call can be repeated without harm.'),
    body: addTotp,
    response: { status: 201, description: 'The secret of the authenticator app.', body: totpAdded },
    errors: ['mfa_disabled', 'factor_not_allowed', 'factor_limit_exceeded'],
    handler: async (call) => {
      const { services, appId, body } = call;
      const { user } = signedIn(call.actor);
      const app = await namedAppOf(call);
      requireKind(app, 'totp');
      const { settings, displayName } = app;
      // Loaded here, because most processes never draw a QR code.
      const { renderSVG } = await import('uqr');
      const id = services.ids.next();
      const secret = newTotpSecret();
      const sealedSecret = sealTotpSecret(services.sealer, appId, id, secret);
      return mutate(call, async (tx) => {
        await lockCallerWithSession(tx, call);
        if ((await listFactors(tx, appId, user.id)).length >= mostFactors) throw new ApiError('factor_limit_exceeded');
        const name = body.name ?? 'Authenticator app';
        const now = services.clock.now();
        await insertFactor(tx, appId, { id, userId: user.id, name, sealedSecret, now });
        const uri = totpUri(secret, settings.mail.brandName ?? displayName, user.email);
        return { result: { id, secret: toBase32(secret), uri, qrCode: renderSVG(uri) }, event: targetOf(id) };
      });
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authentication/users/me/factors/:factorId/confirmation',
    operationId: 'confirmMyFactor',
    tag: 'authentication',
    summary: 'Confirm a second factor',
    description:
      'Confirms an added factor with its present code. From then on, every sign-in requires a second factor. With ' +
      'the first factor, the response has ten recovery codes. The session counts as authenticated with two factors.',
    access: overApp('SESSION_OWNER'),
    forRestrictedSessions,
    freshAuthentication: 'always',
    audit: 'factor.confirmed',
    idempotency: nothingKept('The response has recovery codes, which are stored only as hashes.'),
    params: factorParams,
    body: confirmFactor,
    response: { status: 200, description: 'The factor is confirmed.', body: factorConfirmed },
    errors: [
      'factor_not_found',
      'factor_invalid',
      'factor_limit_exceeded',
      'code_invalid',
      'account_unclaimed',
      'mfa_disabled',
      'factor_not_allowed',
      'rate_limited',
    ],
    handler: async (call) => {
      const { factor, recoveryCodes } = await confirmMyFactor(call, { id: call.params.factorId, ...call.body });
      return { ...toFactorBody(factor), ...(recoveryCodes && { recoveryCodes }) };
    },
  }),

  route({
    method: 'PATCH',
    url: '/v1/authentication/users/me/factors/:factorId',
    operationId: 'updateMyFactor',
    tag: 'authentication',
    summary: 'Rename a second factor',
    description: 'Changes the name of a confirmed factor of the caller.',
    access: overApp('SESSION_OWNER'),
    audit: 'factor.updated',
    params: factorParams,
    body: updateFactor,
    response: { status: 200, description: 'The factor.', body: factorUpdated },
    errors: ['factor_not_found'],
    handler: (call) =>
      mutate(call, async (tx) => {
        const { appId, params, body } = call;
        const factor = await renameFactor(tx, appId, signedIn(call.actor).user.id, params.factorId, body.name);
        return { result: toFactorBody(factor), event: { ...targetOf(factor.id), changes: ['name'] } };
      }),
  }),

  route({
    method: 'DELETE',
    url: '/v1/authentication/users/me/factors/:factorId',
    operationId: 'removeMyFactor',
    tag: 'authentication',
    summary: 'Remove a second factor',
    description:
      'Removes a factor of the caller, and ends all other sessions. With the last factor, the recovery codes become ' +
      'invalid. The caller is notified by mail.',
    access: overApp('SESSION_OWNER'),
    forRestrictedSessions,
    freshAuthentication: 'always',
    audit: 'factor.removed',
    params: factorParams,
    response: { status: 204, description: 'The factor is removed.' },
    errors: ['factor_not_found', 'last_factor'],
    handler: async (call) => {
      const { appId, params } = call;
      const { user, session } = signedIn(call.actor);
      const app = await namedAppOf(call);
      await mutate(call, async (tx) => {
        await lockCallerWithSession(tx, call);
        requireAnother(app, await listFactors(tx, appId, user.id), params.factorId);
        const removed = await deleteFactor(tx, appId, user.id, params.factorId);
        if (!removed) throw new ApiError('factor_not_found');
        await deleteSessions(tx, appId, user.id, session.id);
        await notifyOfFactor(tx, call, app, { user, purpose: 'factor_removed', content: { factorName: removed.name } });
        return { result: undefined, event: targetOf(params.factorId) };
      });
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authentication/users/me/recovery-codes',
    operationId: 'createMyRecoveryCodes',
    tag: 'authentication',
    summary: 'Create new recovery codes',
    description:
      'Returns ten new recovery codes, each for one sign-in without the second factor. All earlier recovery codes ' +
      'become invalid. The caller needs a second factor.',
    access: overApp('SESSION_OWNER'),
    freshAuthentication: 'always',
    audit: 'recovery_codes.replaced',
    idempotency: nothingKept('The response has recovery codes, which are stored only as hashes.'),
    response: { status: 201, description: 'The recovery codes, shown only here.', body: recoveryCodesMade },
    errors: ['factor_not_found'],
    handler: async (call) => {
      const { appId, services } = call;
      const { user } = signedIn(call.actor);
      const app = await namedAppOf(call);
      return mutate(call, async (tx) => {
        await lockCallerWithSession(tx, call);
        if ((await listFactors(tx, appId, user.id)).length === 0) throw new ApiError('factor_not_found');
        const { codes, hashes } = newRecoveryCodes();
        await replaceRecoveryCodes(tx, appId, user.id, hashes, services.clock.now());
        await notifyOfFactor(tx, call, app, { user, purpose: 'recovery_codes_replaced' });
        return { result: { recoveryCodes: codes }, event: { target: { kind: 'user', id: user.id } } };
      });
    },
  }),
];
