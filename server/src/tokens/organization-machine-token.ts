import { randomUUID } from 'node:crypto';
import { rulingOn } from '../access/organization-states.ts';
import { defaultSettings } from '../apps/apps.schema.ts';
import { appNameOf } from '../calls/authenticate.ts';
import type { Call } from '../calls/route.ts';
import { ApiError } from '../http/errors.ts';
import { id as idSchema } from '../http/fields.ts';
import { unusedId } from '../ids.ts';
import { signJwt } from '../keys/jws.ts';
import { sha256 } from '../keys/secrets.ts';
import {
  type FoundOrganizationClient,
  type OrganizationClient,
  touchOrganizationSecret,
} from '../organization-machine-users/organization-machine-lookups.store.ts';
import { limitUse, touchEveryMs } from './authenticate-client.ts';
import { createFirstOauthKey } from './oauth-keys.ts';
import { claimsOfMembership } from './person-token.ts';
import { toTimes } from './token-times.ts';
import { issuerOf } from './token-verifier.ts';

/** Maximum lifetime of a token of a machine user of an organization. */
const maxLifeSeconds = 600;

/** The parameters of a token request. */
interface TokenRequest {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly audience?: string | string[] | undefined;
}

/** The prefix of a client secret says which kind of machine user it belongs to. */
export const isOfOrganization = ({ clientSecret }: TokenRequest): boolean => clientSecret.startsWith('gh_o_');

/**
 * The audience of the token: without one, this API. Any other is a single entry of the app's list.
 *
 * @throws ApiError `validation_failed`, `audience_not_allowed`
 */
function audienceOf({ audience }: TokenRequest, audiences: readonly string[] | null, publicUrl: string): string {
  const [first = publicUrl, ...others] = [audience ?? []].flat();
  if (others.length > 0) {
    const message = 'At most one audience for a machine user of an organization.';
    throw new ApiError('validation_failed', { faults: [{ pointer: '/body/audience', message }] });
  }
  if (first !== publicUrl && !audiences?.includes(first)) throw new ApiError('audience_not_allowed');
  return first;
}

/** @throws ApiError `app_not_found`, `app_inactive` */
async function findClient(
  { services, appId }: Call,
  clientId: string,
  secret: string,
): Promise<FoundOrganizationClient> {
  const key = { appId, clientId, secretHash: sha256(secret) };
  const found = await services.lookups.organizationClient(key);
  if (!found) throw new ApiError('app_not_found');
  if (found.appStatus !== 'ACTIVE') throw new ApiError('app_inactive');
  return found;
}

/** @throws ApiError `invalid_client`, `organization_machine_users_disabled`, `organization_inactive` */
function requireUsable({ client, isEnabled }: FoundOrganizationClient, clientId: string): OrganizationClient {
  if (!client) {
    const about = { target: { kind: 'organization_machine', id: clientId === unusedId ? null : clientId } };
    throw new ApiError('invalid_client', { about });
  }
  if (!isEnabled) throw new ApiError('organization_machine_users_disabled');
  if (rulingOn(client.status, 'use', []) !== 'allowed') throw new ApiError('organization_inactive');
  return client;
}

/** The key that signs now. An app of a version that had one key set gets its first key here. */
async function signingKeyOf(
  { services, appId }: Call,
  found: FoundOrganizationClient,
  again: () => Promise<FoundOrganizationClient>,
) {
  if (found.kid !== null) return found.kid;
  await createFirstOauthKey(services, appId);
  const { kid } = await again();
  if (kid === null) throw new Error('the app has no signing key in use');
  return kid;
}

/**
 * Exchanges the secret of a machine user of an organization for a token. The second key set signs the token, so that a
 * verifier of app machine users refuses it.
 *
 * @throws ApiError `app_not_found`, `app_inactive`, `invalid_client`, `organization_machine_users_disabled`,
 *   `organization_inactive`, `rate_limited`, `audience_not_allowed`, `validation_failed`
 * @see contract 6.1, 6.3
 */
export async function issueOrganizationMachineToken(call: Call, body: TokenRequest) {
  const { services, appId } = call;
  const clientId = idSchema.safeParse(body.clientId).data ?? unusedId;
  const find = () => findClient(call, clientId, body.clientSecret);
  const found = await find();
  const client = requireUsable(found, clientId);
  const { publicUrl } = services.config;
  const aud = audienceOf(body, found.audiences, publicUrl);
  await limitUse(call, 'tokenRequestsPerMachinePerMinute', clientId, found.tokensPerMinute);
  const now = services.clock.now();
  if (client.lastUsedAt === null || now.getTime() - client.lastUsedAt.getTime() >= touchEveryMs)
    await touchOrganizationSecret(services.db, appId, clientId, client.secretId, now);
  const kid = await signingKeyOf(call, found, find);
  const lifeSeconds = Math.min(found.lifeSeconds ?? defaultSettings.accessTokenLifeSeconds, maxLifeSeconds);
  const times = toTimes(now, { lifeSeconds, ...(client.endsAt && { notAfter: client.endsAt }) });
  const claims = {
    iss: issuerOf(publicUrl, appNameOf(call.request)),
    aud,
    sub: clientId,
    client_id: clientId,
    secret_id: client.secretId,
    token_use: 'organization_machine',
    ...times,
    jti: randomUUID(),
  };
  const token = signJwt(await services.oauthKeys.privateKey(appId, kid), kid, {
    ...claims,
    ...claimsOfMembership({ ...client, isOwner: false }, claims),
  });
  return { token, expiresInSeconds: times.exp - times.iat };
}
