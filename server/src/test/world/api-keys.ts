import { withStatus } from './answers.ts';
import type { Calls } from './calls.ts';

/** An API key, as it was shown when it was made. */
export interface MadeKey {
  readonly id: string;
  readonly key: string;
}

/** The name of keys that samples leave alone. */
export const keptKey = 'kept';

const mine = '/v1/authentication/users/me/api-keys';
export const keysOf = (orgId: string): string => `/v1/authorization/organizations/${orgId}/api-keys`;

/** Creates a key of an organization. */
export async function organizationKey(
  { call }: Pick<Calls, 'call'>,
  { token }: { token: string },
  orgId: string,
  body: object = {},
): Promise<MadeKey> {
  const rights = 'roles' in body || 'permissions' in body ? {} : { roles: ['reader'] };
  return withStatus(
    201,
    await call('POST', keysOf(orgId), { token, body: { name: 'key', ...rights, ...body } }),
  ).json();
}

/** Creates a personal key. */
export async function personalKey(
  { call }: Pick<Calls, 'call'>,
  { token }: { token: string },
  organizationId: string,
  body: object = {},
): Promise<MadeKey> {
  const rights = 'roles' in body || 'permissions' in body ? {} : { roles: ['reader'] };
  const sent = { name: 'key', organizationId, ...rights, ...body };
  return withStatus(201, await call('POST', mine, { token, body: sent })).json();
}

/** The response of introspection for a credential. */
export async function introspected(
  { call }: Pick<Calls, 'call'>,
  machine: { token: string },
  token: string,
): Promise<Record<string, unknown>> {
  const response = await call('POST', '/v1/authentication/token/introspection', {
    token: machine.token,
    body: { token },
  });
  return withStatus(200, response).json();
}
