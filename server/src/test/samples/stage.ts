import { sql } from '../../db/db.ts';
import { listAudiences } from '../access-tokens.ts';
import type { PlacedMachine } from '../organization-machine-tokens.ts';
import type { OrganizationMachineOptions } from '../world/machines.ts';
import type { TestApp } from '../setup.ts';
import type { Machine, Person, World } from '../world/world.ts';

/** An app with one caller of each kind in one organization, and another organization of the same app. */
export interface Stage {
  readonly world: World;
  readonly orgId: string;
  readonly owner: Person;
  readonly manager: Person;
  readonly member: Person;
  /** Signed in, and a member of no organization. */
  readonly stranger: Person;
  readonly machine: Machine;
  /** Owns the other organization, which is older, and in which our people are plain members. */
  readonly neighbour: Person;
  readonly neighbourOrgId: string;
  /**
   * Machine users of organizations: of ours, of ours with the manager role, and of the other organization with that
   * role.
   */
  readonly organizationMachines: Readonly<Record<'plain' | 'manager' | 'nextDoor', PlacedMachine>>;
}

const minuteMs = 60_000;

/**
 * Renews the authentication of old sessions, for tests that move the clock. The new time is slightly in the past, so
 * that a renewed authentication is visible.
 */
export async function freshenSessions({ db, clock }: Pick<TestApp, 'db' | 'clock'>): Promise<void> {
  const now = clock.now().getTime();
  const earlier = new Date(now - minuteMs);
  // A sample may move the clock by a few minutes, and a session is fresh for ten. Sessions that are not old yet stay as
  // they are, because each written row makes the rollback of a test slower.
  const old = new Date(now - 5 * minuteMs);
  await db.query(sql`UPDATE sessions SET authenticated_at = ${earlier} WHERE authenticated_at < ${old}`);
}

/** Grants a role of an organization to a user, as super admin. */
export async function addTo(
  { world, orgId }: Pick<Stage, 'world' | 'orgId'>,
  userId: string,
  role: string,
): Promise<void> {
  const url = `/v1/authorization/organizations/users/${userId}`;
  const response = await world.call('POST', url, { token: world.admin.token, orgId, body: { roles: [role] } });
  if (response.statusCode !== 200) throw new Error(response.body);
}

/**
 * The other organization has roles of the same names with other permissions. Our people are plain members there, and a
 * user is invited.
 */
async function furnishNextDoor(
  world: World,
  orgId: string,
  { token }: Person,
  people: readonly Person[],
): Promise<void> {
  await world.test.db.query(sql`
    UPDATE roles SET permissions = ARRAY['next-door:' || key] WHERE app_id = ${world.appId} AND org_id = ${orgId}`);
  for (const { userId } of people) await addTo({ world, orgId }, userId, 'writer');
  const email = `awaited-${world.test.services.ids.next()}@example.com`;
  const body = { email, firstName: 'Ada', lastName: 'Lovelace', role: 'reader' };
  await world.call('POST', `/v1/authorization/organizations/${orgId}/members`, { token, body });
}

/** Turns on machine users of organizations, without an event or a mail. */
export const enableOrganizationMachines = ({ test, appId }: World) =>
  test.db.query(sql`
    UPDATE apps SET settings = settings || '{"organizationMachineUsers": true}'::jsonb WHERE id = ${appId}`);

/** Lets everybody create organizations, without an event or a mail. */
const enableOrganizationCreation = ({ test, appId }: World) =>
  test.db.query(sql`
    UPDATE apps SET settings = settings || '{"usersMayCreateOrganizations": true, "organizationsPerUser": 1000}'::jsonb
    WHERE id = ${appId}`);

/** Creates the stage in an app. */
export async function createStage(world: World): Promise<Stage> {
  await listAudiences(world);
  await enableOrganizationMachines(world);
  await enableOrganizationCreation(world);
  const owner = await world.person();
  const neighbour = await world.person();
  const neighbourOrgId = await world.organization(neighbour);
  const orgId = await world.organization(owner);
  const manager = await world.manager(orgId);
  const member = await world.member(orgId);
  await furnishNextDoor(world, neighbourOrgId, neighbour, [owner, manager, member]);
  const place = async (org: string, options?: OrganizationMachineOptions): Promise<PlacedMachine> => ({
    ...(await world.organizationMachine(org, options)),
    orgId: org,
  });
  return {
    world,
    orgId,
    organizationMachines: {
      plain: await place(orgId, { roles: ['reader'] }),
      manager: await place(orgId, { managerRoles: ['ORG_USER_MANAGER'] }),
      nextDoor: await place(neighbourOrgId, { managerRoles: ['ORG_USER_MANAGER'] }),
    },
    owner,
    manager,
    member,
    stranger: await world.person(),
    machine: await world.machine(),
    neighbour,
    neighbourOrgId,
  };
}
