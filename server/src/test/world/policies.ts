import type { StoredPolicy } from '../../access/organization-policy.ts';
import { sql } from '../../db/db.ts';
import { withStatus } from './answers.ts';
import { nextCode, type OwnFactor } from './factors.ts';
import type { Person } from './people.ts';
import type { World } from './world.ts';

export const securityOf = (orgId: string): string => `/v1/authorization/organizations/${orgId}/security`;

/** Sets the policy of an organization without a call, as an owner with a stronger session would. Null: none. */
export const setOrganizationPolicy = ({ test, appId }: World, orgId: string, policy: StoredPolicy | null) =>
  test.db.query(sql`
    UPDATE organizations SET security = ${policy === null ? null : JSON.stringify(policy)}::jsonb
    WHERE app_id = ${appId} AND id = ${orgId}`);

/**
 * Another session of a person, by default with the password only, as if it had begun before the person had a second
 * factor.
 *
 * @param amr methods of authentication of the session
 */
export async function weakSession(world: World, { userId, email }: Person, amr = ['pwd']): Promise<Person> {
  const { db, clock } = world.test;
  const { appId } = world;
  const setFactor = (has: boolean) => sql`
    UPDATE users u SET has_factor = ${has} FROM users old
    WHERE u.app_id = ${appId} AND u.id = ${userId} AND old.app_id = u.app_id AND old.id = u.id
    RETURNING old.has_factor`;
  const [before] = await db.query<{ has_factor: boolean }>(setFactor(false));
  const session = await world.signIn(email);
  await db.query(setFactor(before?.has_factor ?? false));
  const factorAt = amr.includes('mfa') ? clock.now() : null;
  await db.query(sql`
    UPDATE sessions SET amr = ${amr}::text[], factor_at = ${factorAt}
    WHERE app_id = ${appId} AND id = ${session.sessionId}`);
  return session;
}

/** Proves the second factor in a session. */
export async function proveFactor(world: World, { token }: { token: string }, factor: OwnFactor): Promise<void> {
  const body = { factorId: factor.id, code: nextCode(world, factor) };
  withStatus(200, await world.call('POST', '/v1/authentication/users/me/reauthentication', { token, body }));
}
