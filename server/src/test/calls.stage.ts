import type { Machine, Person, World } from './world.ts';

/** An app with one of everybody around one organization, and another organization next door. */
export interface Stage {
  readonly world: World;
  readonly orgId: string;
  readonly owner: Person;
  readonly manager: Person;
  readonly member: Person;
  /** Signed in, and in no organization. */
  readonly stranger: Person;
  readonly machine: Machine;
  /** Owns the organization next door. */
  readonly neighbour: Person;
  readonly neighbourOrgId: string;
}

/** Sets the stage in an app. */
export async function createStage(world: World): Promise<Stage> {
  const owner = await world.person();
  const neighbour = await world.person();
  const orgId = await world.organization(owner);
  return {
    world,
    orgId,
    owner,
    manager: await world.manager(orgId),
    member: await world.member(orgId),
    stranger: await world.person(),
    machine: await world.machine(),
    neighbour,
    neighbourOrgId: await world.organization(neighbour),
  };
}
