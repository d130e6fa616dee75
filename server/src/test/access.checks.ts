import { expect } from 'vitest';
import {
  type CallerName,
  callerNames,
  type Callers,
  equalOf,
  expectedOutcome,
  isByAccessToken,
  isByOrganizationMachine,
  tokenOf,
} from './access.callers.ts';
import { acceptingAccessTokens } from './access-tokens.ts';
import { acceptingOrganizationMachines } from './organization-machine-tokens.ts';
import type { Case } from './samples/samples.ts';
import { digestOfEverything } from './digest.ts';
import { outcomeOf, perform, type Prepared } from './samples/sample.ts';
import type { World } from './world/world.ts';

type Outcomes = Record<string, unknown>;

/**
 * If a sample has a target person, that person calls, with an access token if they have a session. Machine users of our
 * organization call if it is the organization that the sample is about.
 */
const callersOf = ({ stage }: Callers, { addressed, orgId, params }: Prepared): readonly CallerName[] => {
  const organization = orgId ?? params?.['orgId'] ?? stage.orgId;
  return callerNames.filter((name) => {
    if (isByOrganizationMachine(name)) return organization === stage.orgId || equalOf(name) === 'stranger';
    if (equalOf(name) !== 'addressed') return true;
    return isByAccessToken(name) ? addressed?.token?.startsWith('gh_s_') : addressed;
  });
};

const succeeds = ({ route, sample }: Case, name: CallerName): boolean =>
  expectedOutcome(route, sample, name) === route.response.status;

async function outcomes(
  callers: Callers,
  world: World,
  { route }: Case,
  prepared: Prepared,
  names: readonly CallerName[],
): Promise<Outcomes> {
  const found: Outcomes = {};
  for (const name of names) {
    world.test.clock.advance(1);
    found[name] = outcomeOf(await perform(world, route, prepared, { token: await tokenOf(callers, name, prepared) }));
  }
  return found;
}

/** All callers who must be refused make the same prepared call, so none of them may change it for the next. */
async function expectRefusals(callers: Callers, world: World, one: Case, prepared: Prepared): Promise<void> {
  const names = callersOf(callers, prepared).filter((name) => !succeeds(one, name));
  const before = await digestOfEverything(world.test.db);
  const found = await outcomes(callers, world, one, prepared, names);
  expect(found).toEqual(Object.fromEntries(names.map((name) => [name, expectedOutcome(one.route, one.sample, name)])));
  expect(await digestOfEverything(world.test.db)).toEqual(before);
}

/**
 * Whether the sample admits a caller. An access token is admitted like its session if the route accepts access tokens.
 */
function isAdmitted({ route, sample }: Case, name: CallerName): boolean {
  if (isByOrganizationMachine(name) && sample.outcomes?.[name] !== undefined) return false;
  const isOpen = route.access.target === 'public' && !route.access.acceptsSession;
  if (isByOrganizationMachine(name) && !isOpen && !acceptingOrganizationMachines.has(route.operationId)) return false;
  if (isByAccessToken(name) && !isOpen && !acceptingAccessTokens.has(route.operationId)) return false;
  const { admits } = sample;
  return admits === 'everyone' || admits.includes(equalOf(name));
}

/**
 * Lets every kind of caller make a call. Callers whom the sample admits succeed. Others are refused as the declaration
 * says, and a refusal changes nothing.
 *
 * @param world where the calls are made; default: the world of the stage
 */
export async function expectDeclaredAccess(callers: Callers, one: Case, world = callers.stage.world): Promise<void> {
  const { stage } = callers;
  const prepared = await one.sample.prepare(stage);
  const admitted = callersOf(callers, prepared).filter((name) => succeeds(one, name));
  expect(admitted.toSorted()).toEqual(
    callersOf(callers, prepared)
      .filter((name) => isAdmitted(one, name))
      .toSorted(),
  );
  await expectRefusals(callers, world, one, prepared);
  for (const name of admitted) {
    const fresh = await one.sample.prepare(stage);
    expect(await outcomes(callers, world, one, fresh, [name])).toEqual({ [name]: one.route.response.status });
  }
}
