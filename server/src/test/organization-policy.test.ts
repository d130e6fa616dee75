import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type CallerName,
  type Callers,
  createCallers,
  equalOf,
  expectedOutcome,
  isByOrganizationMachine,
  tokenOf,
} from './access.callers.ts';
import { openTestDatabase } from './database.ts';
import { digestOfEverything } from './digest.ts';
import { outcomeOf, perform, type Prepared } from './samples/sample.ts';
import { type Case, cases } from './samples/samples.ts';
import type { Stage } from './samples/stage.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { setOrganizationPolicy } from './world/policies.ts';

let db: UndoableDb;
let app: TestApp;
let stage: Stage;
let callers: Callers;

beforeAll(async () => {
  db = await openTestDatabase();
  app = await buildTestApp({ db });
  callers = await createCallers(app);
  ({ stage } = callers);
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => app?.close());

/** The calls that every session may make. Listed here on purpose, although each route declares it. */
const evenBelowPolicy: ReadonlySet<string> = new Set([
  'getOrganization',
  'getOrganizationSecurity',
  'leaveOrganization',
  // Owners cannot protect an organization from super admins.
  'deactivateOrganization',
  'reactivateOrganization',
  'deleteOrganization',
  // The response has the reason. See security.test.ts for checks of other people.
  'checkPermissions',
]);

const isExempt = ({ route: { operationId }, sample: { title } }: Case): boolean =>
  evenBelowPolicy.has(operationId) && title !== 'with metadata and roles';

const overOrganizations = cases.filter(
  ({ route, sample }) =>
    route.access.target === 'organization' && !sample.afterDeletion && route.operationId !== 'checkPermissions',
);
const byName = overOrganizations.map((one) => [one.name, one] as const);

const everybody: readonly CallerName[] = [
  'none',
  'stranger',
  'neighbour',
  'member',
  'manager',
  'owner',
  'superAdmin',
  'addressed',
  'ownerByToken',
  'ownerByTokenHere',
  'ownerByTokenNextDoor',
  'superAdminByToken',
  'machine',
  'organizationMachine',
  'organizationManagerMachine',
];

const isMachine = (name: CallerName): boolean => name === 'machine' || isByOrganizationMachine(name);
const organizationOf = ({ orgId, params }: Prepared): string => orgId ?? params?.['orgId'] ?? stage.orgId;

/** Machine users of our organization call only if the sample is about our organization. */
const callersOf = (prepared: Prepared): CallerName[] =>
  everybody.filter((name) => {
    if (isByOrganizationMachine(name)) return organizationOf(prepared) === stage.orgId;
    return equalOf(name) === 'addressed' ? prepared.addressed !== undefined : true;
  });

const outcomeWithout = ({ route, sample }: Case, name: CallerName) => expectedOutcome(route, sample, name);

const decidingAtOnce: ReadonlySet<string> = new Set(['getOrganization', 'updateOrganization']);

/** The result by the declaration alone. Other requirements of a call are checked later, except for these. */
function isDeclared({ route, sample }: Case, name: CallerName): boolean {
  const { needs: _, outcomes: __, ...declared } = sample;
  const decisive = decidingAtOnce.has(route.operationId) ? sample : declared;
  return expectedOutcome(route, decisive, name) === route.response.status;
}

/** Access is decided first: only the people whom the declaration allows learn about the policy. */
function outcomeBelow(one: Case, name: CallerName) {
  const otherwise = outcomeWithout(one, name);
  return isDeclared(one, name) && !isMachine(name) && !isExempt(one) ? 'step_up_required' : otherwise;
}

async function outcomeFor({ route }: Case, prepared: Prepared, name: CallerName) {
  const response = await perform(stage.world, route, prepared, { token: await tokenOf(callers, name, prepared) });
  return [name, outcomeOf(response)];
}

const required = { mfa: 'required' } as const;

describe('a policy that the sessions do not meet refuses, after the decision on access:', () => {
  it.each(byName)('%s', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    await setOrganizationPolicy(stage.world, organizationOf(prepared), required);
    const before = await digestOfEverything(app.db);
    const succeeds = (name: CallerName) => outcomeBelow(one, name) === one.route.response.status;
    const names = callersOf(prepared);
    for (const name of names.filter((caller) => !succeeds(caller))) {
      expect(await outcomeFor(one, prepared, name)).toEqual([name, outcomeBelow(one, name)]);
    }
    expect(await digestOfEverything(app.db)).toEqual(before);
    for (const name of names.filter(succeeds)) {
      await setOrganizationPolicy(stage.world, organizationOf(prepared), null);
      const fresh = await one.sample.prepare(stage);
      await setOrganizationPolicy(stage.world, organizationOf(fresh), required);
      expect(await outcomeFor(one, fresh, name)).toEqual([name, one.route.response.status]);
    }
  });

  it('the list names every operation that is exempt from the policy', () => {
    const exempt = cases.filter(
      ({ route: { access } }) =>
        access.target === 'organization' && (access.evenBelowPolicy ?? access.operation === 'see'),
    );
    expect([...new Set(exempt.map(({ route }) => route.operationId))].toSorted()).toEqual(
      [...evenBelowPolicy].toSorted(),
    );
  });
});
