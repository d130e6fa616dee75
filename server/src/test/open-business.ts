import { sql } from '../db/db.ts';
import { addDevices } from './samples/users.ts';
import { addTo, type Stage } from './samples/stage.ts';
import { keptKey, organizationKey, personalKey } from './world/api-keys.ts';
import { addFactor, challenge, enrol } from './world/factors.ts';
import { addPasskey, setRelyingParty } from './world/passkeys.ts';
import type { Person } from './world/world.ts';

/** An invited address, an additional session, and many devices. */
async function leaveSessions({ world, orgId, owner, member }: Stage): Promise<void> {
  const email = `next-door-${world.test.services.ids.next()}@example.com`;
  const body = { email, firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
  await world.call('POST', `/v1/authorization/organizations/${orgId}/members`, { token: owner.token, body });
  const { userId } = await world.person({ verified: false });
  await addTo({ world, orgId }, userId, 'reader');
  await world.signIn(member.email);
  const { sessionId } = await world.signIn(member.email);
  await world.test.db.query(sql`UPDATE sessions SET restriction = 'enrolment' WHERE id = ${sessionId}`);
  await addDevices(world, member.userId);
}

/**
 * A person with both kinds of factors, one factor that is not confirmed, recovery codes, a sign-in whose second factor
 * is missing, a remembered device and a reset that waits.
 */
async function leaveFactors({ world, orgId }: Stage): Promise<Person> {
  const { appId, test, admin } = world;
  const person = await world.person();
  await addTo({ world, orgId }, person.userId, 'reader');
  await setRelyingParty(world);
  await enrol(world, person);
  await addPasskey(world, person);
  await addFactor(world, person);
  await challenge(world, person.email);
  await addDevices(world, person.userId);
  await test.db.query(sql`
    UPDATE devices SET remember_hash = token_hash, remembered_at = created_at, remembered_until = expires_at,
      remembered_user_version = 0, remembered_app_version = 0
    WHERE app_id = ${appId} AND user_id = ${person.userId}`);
  await test.db.query(sql`
    INSERT INTO factor_resets (app_id, user_id, id, requested_by, created_at, due_at)
    SELECT app_id, id, id, ${admin.userId}, created_at, created_at + interval '3 days'
    FROM users WHERE app_id = ${appId} AND id = ${person.userId}`);
  return person;
}

/** Keys of a person and of the organization, and a machine user of the organization with a secret. */
async function leaveKeys({ world, orgId, owner, member }: Stage): Promise<void> {
  await personalKey(world, member, orgId, { name: keptKey });
  await organizationKey(world, owner, orgId, { name: keptKey });
  await world.organizationMachine(orgId, { roles: ['reader'] });
}

/** The branding of an organization. */
export const leaveBranding = ({ world, orgId }: Pick<Stage, 'world' | 'orgId'>) =>
  world.test.db.query(sql`
    INSERT INTO organization_branding (app_id, org_id, look, texts_allowed, updated_at)
    VALUES (${world.appId}, ${orgId}, '{"radius": 3}', true, ${world.test.clock.now()})`);

/** Rows of every kind that belong to an organization and its people, and that a careless change could alter. */
export async function leaveOpenBusiness(stage: Stage): Promise<void> {
  await leaveSessions(stage);
  await leaveKeys(stage);
  await leaveFactors(stage);
  await leaveBranding(stage);
}
