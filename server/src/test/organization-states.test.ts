import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import {
  organizationOperations,
  statusesInForce,
  statusesPermitting,
  type OrganizationOperation,
} from '../access/organization-states.ts';
import { type CallerName, type Callers, createCallers, outcomeWhileInactive, tokenOf } from './access.callers.ts';
import { type Case, cases } from './samples/samples.ts';
import { digestOfEverything } from './digest.ts';
import { outcomeOf, perform, type Prepared } from './samples/sample.ts';
import type { Stage } from './samples/stage.ts';
import { buildTestApp, type TestApp } from './setup.ts';

let app: TestApp;
let stage: Stage;
let callers: Callers;

beforeAll(async () => {
  app = await buildTestApp();
  callers = await createCallers(app);
  ({ stage } = callers);
});
afterAll(() => app?.close());

const overOrganizations = cases.filter(
  ({ route, sample }) => route.access.target === 'organization' && !sample.afterDeletion,
);
const byName = overOrganizations.map((one) => [one.name, one] as const);
const operationOf = ({ route: { access } }: Case) => (access.target === 'organization' ? access.operation : undefined);

const orgOf = ({ params, orgId }: Prepared): string => orgId ?? params?.['orgId'] ?? '';

const setStatus = (orgId: string, status: 'Active' | 'Inactive') =>
  app.db.query(sql`UPDATE organizations SET status = ${status} WHERE app_id = ${stage.world.appId} AND id = ${orgId}`);

const somebody: readonly CallerName[] = [
  'stranger',
  'member',
  'manager',
  'owner',
  'ownerByToken',
  'ownerByTokenHere',
  'ownerByTokenNextDoor',
  'superAdmin',
  'superAdminByToken',
  'machine',
];
const callersOf = ({ addressed }: Prepared): CallerName[] => [
  ...somebody,
  ...(addressed ? ['addressed' as const] : []),
];

/** The result of a call while its organization is deactivated. */
async function outcomeFor({ route }: Case, prepared: Prepared, name: CallerName) {
  const response = await perform(stage.world, route, prepared, { token: await tokenOf(callers, name, prepared) });
  return [name, outcomeOf(response)];
}

const isRefused = ({ route, sample }: Case, name: CallerName): boolean =>
  typeof outcomeWhileInactive(route, sample, name) === 'string';

describe('a deactivated organization responds by the kind of the operation and the caller:', () => {
  it.each(byName)('%s', async (_, one) => {
    const expected = (name: CallerName) => [name, outcomeWhileInactive(one.route, one.sample, name)];
    const prepared = await one.sample.prepare(stage);
    await setStatus(orgOf(prepared), 'Inactive');
    const before = await digestOfEverything(app.db);
    const refused = callersOf(prepared).filter((name) => isRefused(one, name));
    for (const name of refused) expect(await outcomeFor(one, prepared, name)).toEqual(expected(name));
    expect(await digestOfEverything(app.db)).toEqual(before);
    await setStatus(orgOf(prepared), 'Active');

    for (const name of callersOf(prepared).filter((caller) => !isRefused(one, caller))) {
      const fresh = await one.sample.prepare(stage);
      await setStatus(orgOf(fresh), 'Inactive');
      expect(await outcomeFor(one, fresh, name)).toEqual(expected(name));
      await setStatus(orgOf(fresh), 'Active');
    }
  });
});

describe('the table of states', () => {
  const declared = new Set(overOrganizations.map(operationOf));

  it('routes never declare the use of roles: that is for introspection', () => {
    expect(declared.has('use')).toBe(false);
  });

  it('allows everything in an active organization', () => {
    for (const kind of Object.keys(organizationOperations) as OrganizationOperation[]) {
      for (const held of [[], ['ORG_OWNER'], ['SUPER_ADMIN'], ['GENERIC_MACHINE_USER']]) {
        expect(statusesPermitting(kind, held)).toContain('Active');
      }
    }
  });

  it('has roles in force only in an active organization', () => {
    expect(statusesInForce()).toEqual(['Active']);
  });
});
