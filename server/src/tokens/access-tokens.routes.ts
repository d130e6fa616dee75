import { randomUUID } from 'node:crypto';
import { policyRefusal, proofOf } from '../access/organization-policy.ts';
import { rulingOn } from '../access/organization-states.ts';
import { overApp, publicAccess } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { defaultSettings } from '../apps/apps.schema.ts';
import { findAppByName } from '../apps/apps.store.ts';
import { appNameOf } from '../calls/authenticate.ts';
import { type Call, noAudit, route } from '../calls/route.ts';
import { ApiError } from '../http/errors.ts';
import { signJwt } from '../keys/jws.ts';
import { listPublishedKeys } from '../keys/signing-keys.store.ts';
import { jwks } from '../machine-users/machine-users.schema.ts';
import { accessTokenCreated, createAccessToken, oauthJwksParams } from './access-tokens.schema.ts';
import { createFirstOauthKey } from './oauth-keys.ts';
import { claimsOfMembership, claimsOfPerson } from './person-token.ts';
import type { TokenGrant, TokenMembership } from './token-grants.store.ts';
import { toTimes } from './token-times.ts';
import { issuerOf } from './token-verifier.ts';

/** @throws ApiError `audience_required`, `audience_not_allowed` */
function audienceOf({ audiences }: TokenGrant, asked: string | undefined): string {
  const [first, ...others] = audiences ?? [];
  if (first === undefined) throw new ApiError('audience_required');
  const audience = asked ?? first;
  if (![first, ...others].includes(audience)) throw new ApiError('audience_not_allowed');
  return audience;
}

/**
 * @throws ApiError `organization_not_found`, `organization_inactive`, `step_up_required`, `reauthentication_required`
 */
function membershipOf({ membership }: TokenGrant, orgId: string | undefined): TokenMembership | undefined {
  if (orgId === undefined) return undefined;
  if (!membership) throw new ApiError('organization_not_found', { isDenial: true });
  const isInForce = rulingOn(membership.status, 'use', ['ORG_MEMBER']) === 'allowed';
  if (!isInForce) throw new ApiError('organization_inactive');
  if (membership.unmet) throw policyRefusal(membership.unmet);
  return membership;
}

async function findGrant(call: Call, orgId: string | undefined) {
  const { services, appId, actor } = call;
  const caller = signedIn(actor);
  const find = () => services.lookups.tokenGrant({ appId, userId: caller.user.id, orgId, proof: proofOf(caller) });
  const grant = await find();
  if (grant?.kid !== null) return grant;
  await createFirstOauthKey(services, appId);
  return find();
}

async function publishedKeys({ services }: Call, appId: string) {
  const list = () => listPublishedKeys(services.db, appId, 'oauth', services.clock.now());
  const keys = await list();
  if (keys.length > 0) return keys;
  await createFirstOauthKey(services, appId);
  return list();
}

export const accessTokenRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/users/me/access-token',
    operationId: 'createAccessToken',
    tag: 'authentication',
    summary: 'Get an access token',
    description:
      'Exchanges the session of a person for a short-lived ES256 JWT, which another service verifies with the keys ' +
      'at `/apps/{app}/oauth/jwks`. With `organizationId`, the token has the current roles and permissions of the ' +
      'person in that organization, and is valid only for that organization; the session must meet its security ' +
      'policy. This API accepts a token only if its audience is `PUBLIC_URL`, and checks the session on each call. ' +
      'Other services accept the token until it expires. Request the next token shortly before `expiresInSeconds` ' +
      'have passed.',
    access: overApp('SESSION_OWNER'),
    audit: noAudit('Tokens are not stored, so the call changes nothing.'),
    body: createAccessToken,
    response: { status: 200, description: 'The token.', body: accessTokenCreated },
    errors: [
      'audience_required',
      'audience_not_allowed',
      'organization_not_found',
      'organization_inactive',
      'step_up_required',
      'reauthentication_required',
    ],
    handler: async (call) => {
      const { services, appId, body } = call;
      const { user, session } = signedIn(call.actor);
      const grant = await findGrant(call, body.organizationId);
      if (!grant?.kid) throw new Error('the app has no active signing key');
      const aud = audienceOf(grant, body.audience);
      const membership = membershipOf(grant, body.organizationId);
      const times = toTimes(services.clock.now(), {
        lifeSeconds: grant.lifeSeconds ?? defaultSettings.accessTokenLifeSeconds,
        notAfter: new Date(Math.min(session.expiresAt.getTime(), session.idleExpiresAt.getTime())),
      });
      const appName = appNameOf(call.request);
      const claims = {
        iss: issuerOf(services.config.publicUrl, appName),
        aud,
        client_id: appName,
        ...claimsOfPerson(user, session),
        ...times,
        jti: randomUUID(),
      };
      const token = signJwt(await services.oauthKeys.privateKey(appId, grant.kid), grant.kid, {
        ...claims,
        ...(membership && claimsOfMembership(membership, claims)),
      });
      return { token, expiresInSeconds: times.exp - times.iat };
    },
  }),

  route({
    method: 'GET',
    url: '/apps/:app/oauth/jwks',
    operationId: 'getOauthJwks',
    tag: 'authentication',
    summary: 'Get the public keys that verify access tokens',
    description:
      'The JSON Web Key Set (RFC 7517) with which access tokens of people are verified. Tokens of machine users have ' +
      'a separate key set, at `/apps/{app}/.well-known/jwks.json`. Each key set verifies only its own kind of tokens.',
    access: publicAccess({ app: 'none' }),
    params: oauthJwksParams,
    response: {
      status: 200,
      description: 'The keys.',
      body: jwks,
      headers: { 'Cache-Control': 'How long the keys may be cached.' },
    },
    errors: ['app_not_found', 'app_inactive'],
    handler: async (call) => {
      const app = await findAppByName(call.services.db, call.params.app);
      if (!app) throw new ApiError('app_not_found');
      if (app.status !== 'ACTIVE') throw new ApiError('app_inactive');
      const keys = await publishedKeys(call, app.id);
      call.reply.header('cache-control', 'public, max-age=300');
      return { keys };
    },
  }),
];
