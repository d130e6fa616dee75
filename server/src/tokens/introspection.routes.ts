import type { z } from 'zod';
import { accepting, overApp } from '../access/access.ts';
import { appNameOf } from '../calls/authenticate.ts';
import { findUsedSession } from '../sessions/used-session.ts';
import { type Call, noAudit, route } from '../calls/route.ts';
import type { MachineClaims, PersonClaims } from './token-claims.ts';
import { issuerOf } from './token-verifier.ts';
import { introspection, introspectToken } from './introspection.schema.ts';

type Introspection = z.input<typeof introspection>;

/** Omits the reason, so that callers cannot find out which tokens were valid in the past. */
const inactive: Introspection = { active: false };

const inSeconds = (time: Date): number => Math.floor(time.getTime() / 1000);

async function introspectSession(call: Call, token: string): Promise<Introspection> {
  const { services, appId } = call;
  const name = appNameOf(call.request);
  const found = await findUsedSession(services, appId, token);
  if (!found) return inactive;
  const { user, session } = found;
  return {
    active: true,
    kind: 'user',
    token_type: 'Bearer',
    sub: user.id,
    iss: issuerOf(services.config.publicUrl, name),
    aud: name,
    iat: inSeconds(session.createdAt),
    exp: Math.min(inSeconds(session.expiresAt), inSeconds(session.idleExpiresAt)),
    username: user.email,
    email_verified: user.isEmailVerified && user.isEmailClaimed,
    sid: session.id,
    amr: [...session.amr],
  };
}

async function introspectSignedToken(call: Call, token: string): Promise<Introspection> {
  const { services, appId } = call;
  const name = appNameOf(call.request);
  const claims = await services.tokenVerifier.verifyIssued({ id: appId, name }, token);
  if (!claims) return inactive;
  const iss = issuerOf(services.config.publicUrl, name);
  return claims.kind === 'user' ? introspectAccessToken(call, claims, iss) : introspectMachineToken(call, claims, iss);
}

async function introspectAccessToken(
  { services, appId }: Call,
  claims: PersonClaims,
  iss: string,
): Promise<Introspection> {
  const found = await services.lookups.accessToken({ appId, ...claims });
  if (!found) return inactive;
  const { user, session } = found;
  return {
    active: true,
    kind: 'user',
    token_type: 'Bearer',
    sub: user.id,
    iss,
    aud: claims.audience,
    iat: claims.issuedAt,
    exp: claims.expiresAt,
    username: user.email,
    email_verified: user.isEmailVerified && user.isEmailClaimed,
    sid: session.id,
    amr: [...session.amr],
    ...(claims.orgId !== undefined && { org_id: claims.orgId }),
  };
}

async function introspectMachineToken(
  { services, appId }: Call,
  claims: MachineClaims,
  iss: string,
): Promise<Introspection> {
  const found = await services.lookups.machine({ appId, ...claims });
  if (!found) return inactive;
  return {
    active: true,
    kind: 'machine',
    token_type: 'Bearer',
    sub: claims.machineUserId,
    iss,
    aud: typeof claims.audience === 'string' ? claims.audience : [...claims.audience],
    iat: claims.issuedAt,
    exp: claims.expiresAt,
    client_id: claims.machineUserId,
    secret_id: claims.secretId,
    ...(found.scopes.length > 0 && { scope: found.scopes.join(' ') }),
  };
}

export const introspectionRoutes = [
  route({
    method: 'POST',
    url: '/v1/authentication/token/introspection',
    operationId: 'introspectToken',
    tag: 'authentication',
    summary: 'Introspect a token',
    description:
      'Describes a token that a backend received, with the field names of RFC 7662. Accepts session ' +
      'tokens and access tokens of humans, and tokens of machine users with any audience. Each call reads ' +
      'the database, so a session that has just ended is not active. Introspection of a session token ' +
      'counts as use of the session. Tokens of other apps and invalid values are not active.',
    access: accepting({ machineScope: 'tokens:read' }, overApp('GENERIC_MACHINE_USER')),
    audit: noAudit('It reads; the last use of a session is a counter.'),
    body: introspectToken,
    response: { status: 200, description: 'The description of the token.', body: introspection },
    handler: (call) => {
      const { token } = call.body;
      if (token.startsWith('gh_s_')) return introspectSession(call, token);
      return token.includes('.') ? introspectSignedToken(call, token) : inactive;
    },
  }),
];
