import { randomUUID } from 'node:crypto';
import { defaultSettings } from '../apps/apps.schema.ts';
import { findAppByName } from '../apps/apps.store.ts';
import { publicAccess } from '../access/access.ts';
import { appNameOf } from '../calls/authenticate.ts';
import { ApiError } from '../http/errors.ts';
import { type Call, noAudit, route } from '../calls/route.ts';
import { signJwt } from '../keys/jws.ts';
import { listPublishedKeys, type PublicJwk } from '../keys/signing-keys.store.ts';
import { issuedToken, jwks, jwksParams, requestToken } from '../machine-users/machine-users.schema.ts';
import { authenticateClient } from './authenticate-client.ts';
import { isOfOrganization, issueOrganizationMachineToken } from './organization-machine-token.ts';
import { toTimes } from './token-times.ts';
import { issuerOf } from './token-verifier.ts';

/**
 * The audience claim of the token. The name of the app means this API and cannot be combined with other audiences.
 *
 * @throws ApiError `validation_failed`
 */
function audienceOf(audience: string | string[] | undefined, appName: string): string | string[] {
  if (audience === undefined) return appName;
  const list = typeof audience === 'string' ? [audience] : audience;
  if (!list.includes(appName)) return audience;
  const message = 'The name of the app is the default audience; omit audience.';
  throw new ApiError('validation_failed', { faults: [{ pointer: '/body/audience', message }] });
}

/**
 * If an app lists audiences, it issues tokens for no others, and a machine user may be restricted further. This API
 * needs no entry.
 *
 * @throws ApiError `audience_not_allowed`
 */
function checkAudience(
  audience: string | string[] | undefined,
  { audiences, allowedAudiences }: { audiences: readonly string[] | null; allowedAudiences: readonly string[] | null },
): void {
  if (audience === undefined) return;
  const isListed = (one: string) => !audiences || audiences.length === 0 || audiences.includes(one);
  const isAllowed = (one: string) => !allowedAudiences || allowedAudiences.includes(one);
  if ([audience].flat().every((one) => isListed(one) && isAllowed(one))) return;
  throw new ApiError('audience_not_allowed');
}

async function publishedKeys(call: Call, appId: string): Promise<{ keys: PublicJwk[] }> {
  call.reply.header('cache-control', 'public, max-age=300');
  return { keys: await listPublishedKeys(call.services.db, appId, 'machine', call.services.clock.now()) };
}

export const tokenRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/machine-users/access-token',
    operationId: 'requestMachineToken',
    tag: 'authentication',
    summary: 'Get a machine token',
    description:
      'Exchanges the credential of a machine user for an ES256 JWT that any service can verify with the JWKS of ' +
      'the app. Without `audience` the token is for this API. With `audience` it is for exactly those services, ' +
      'and this API refuses it. If the app setting `audiences` is not empty, tokens are issued only for listed ' +
      'audiences. A machine user of an organization (secret `gh_o_…`) gets a token of at most 600 seconds, signed ' +
      'with the keys at `/apps/{app}/oauth/jwks`, for this API (`PUBLIC_URL`) or one entry of `audiences`. ' +
      'Reuse a token until shortly before it expires: the default limit is 600 tokens a minute per ' +
      'machine user.',
    access: publicAccess({ app: 'in-query' }),
    audit: noAudit('Tokens are not stored, so the call changes nothing; the last use of the secret is a counter.'),
    body: requestToken,
    response: { status: 200, description: 'The token.', body: issuedToken },
    errors: [
      'invalid_client',
      'network_not_allowed',
      'rate_limited',
      'audience_not_allowed',
      'organization_machine_users_disabled',
      'organization_inactive',
    ],
    handler: async (call) => {
      const { body, services, appId } = call;
      if (isOfOrganization(body)) return issueOrganizationMachineToken(call, body);
      const appName = appNameOf(call.request);
      const aud = audienceOf(body.audience, appName);
      const now = services.clock.now();
      const { id, secretId, limits, found } = await authenticateClient(call, body, 'tokenRequestsPerMachinePerMinute');
      const { kid, audiences } = found;
      if (kid === null) throw new Error('the app has no active signing key');
      checkAudience(body.audience, { audiences, allowedAudiences: limits.allowedAudiences });
      const lifeSeconds = limits.tokenLifeSeconds ?? found.lifeSeconds ?? defaultSettings.machineTokenLifeSeconds;
      const times = toTimes(now, { lifeSeconds, ...(found.secretExpiresAt && { notAfter: found.secretExpiresAt }) });
      const token = signJwt(await services.signingKeys.privateKey(appId, kid), kid, {
        iss: issuerOf(services.config.publicUrl, appName),
        aud,
        sub: id,
        client_id: id,
        secret_id: secretId,
        roles: ['GENERIC_MACHINE_USER'],
        ...(limits.scopes.length > 0 && { scope: limits.scopes.join(' ') }),
        ...times,
        jti: randomUUID(),
      });
      return { token, expiresInSeconds: times.exp - times.iat };
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authentication/token/jwks',
    operationId: 'getJwks',
    tag: 'authentication',
    summary: 'Get the public keys of the app',
    description:
      'The JSON Web Key Set (RFC 7517) with which tokens of machine users of the app are verified, and no other ' +
      'tokens.',
    access: publicAccess(),
    response: {
      status: 200,
      description: 'The keys.',
      body: jwks,
      headers: { 'Cache-Control': 'How long the keys may be cached.' },
    },
    handler: (call) => {
      // A shared cache must not serve the keys of one app to verifiers of another.
      call.reply.header('vary', 'Origin, X-App-Name');
      return publishedKeys(call, call.appId);
    },
  }),

  route({
    method: 'GET',
    url: '/apps/:app/.well-known/jwks.json',
    operationId: 'getAppJwks',
    tag: 'authentication',
    summary: 'Get the public keys of an app by URL',
    description: 'The same key set at a URL that needs no header, for JOSE libraries.',
    access: publicAccess({ app: 'none' }),
    params: jwksParams,
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
      return publishedKeys(call, app.id);
    },
  }),
];
