import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Sql, sql } from '../db/db.ts';
import { freshForSeconds } from '../access/required-authentication.ts';
import { routes } from '../routes.ts';
import { openTestDatabase, untilWaiting, whileLocked } from './database.ts';
import { digestOfEverything } from './digest.ts';
import { type Case, cases } from './samples/samples.ts';
import { outcomeOf, perform, type Prepared } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import { createWorld } from './world/world.ts';

let app: TestApp;
let stage: Stage;

beforeAll(async () => {
  app = await buildTestApp({ db: await openTestDatabase() });
  stage = await createStage(await createWorld(app));
});
afterAll(() => app?.close());

type Params = Readonly<Record<string, string>>;

/** A value of a route that a change reduces. */
interface Reduction {
  readonly name: string;
  /** Sets the value that the sample has before the reduction. */
  readonly before?: (params: Params) => Sql;
  /** A body that sets the value from before the reduction. */
  readonly stored: Readonly<Record<string, unknown>>;
  /** Reduces the value, and locks the row as the route does. */
  readonly reduce: (params: Params) => Sql;
  /** Selects whether the value is reduced, as `reduced`. */
  readonly isReduced: (params: Params) => Sql;
}

const ofApp = () => sql`app_id = ${stage.world.appId}`;

const ofOrganizationMachine = {
  organizationMachine: ({ machineUserId }: Params) => sql`${ofApp()} AND id = ${machineUserId}`,
  role: ({ machineUserId }: Params) => sql`${ofApp()} AND machine_user_id = ${machineUserId}`,
};

const ofKeys = (stored: object, { sets, before }: { sets: Sql; before?: Sql }, name: string): Reduction => ({
  name,
  ...(before && { before: ({ apiKeyId }) => sql`UPDATE api_keys SET ${before} WHERE ${ofApp()} AND id = ${apiKeyId}` }),
  stored: { ...stored },
  reduce: ({ apiKeyId }) => sql`UPDATE api_keys SET ${sets} WHERE ${ofApp()} AND id = ${apiKeyId}`,
  isReduced: ({ apiKeyId }) => sql`
    SELECT expires_at IS NOT NULL OR per_minute = 1 AS reduced FROM api_keys WHERE ${ofApp()} AND id = ${apiKeyId}`,
});

const keyReductions: readonly Reduction[] = [
  ofKeys({ expiresAt: null }, { sets: sql`expires_at = '2099-01-01T00:00:00Z'` }, 'the expiry of a key'),
  ofKeys({ perMinute: 60 }, { sets: sql`per_minute = 1`, before: sql`per_minute = 60` }, 'the quota of a key'),
];

const setSettings = (patch: object): Sql =>
  sql`UPDATE apps SET settings = settings || ${JSON.stringify(patch)}::jsonb WHERE id = ${stage.world.appId}`;

/** Every operation that exempts unchanged values, with reductions. Listed here, although each route declares it. */
const reductionsOf: Readonly<Record<string, readonly Reduction[]>> = {
  updateMachineUser: [
    {
      name: 'the scopes',
      stored: { scopes: ['*'] },
      reduce: ({ machineUserId }) =>
        sql`UPDATE machine_users SET scopes = '{roles:read}' WHERE ${ofApp()} AND id = ${machineUserId}`,
      isReduced: ({ machineUserId }) => sql`
        SELECT scopes = '{roles:read}' AS reduced FROM machine_users WHERE ${ofApp()} AND id = ${machineUserId}`,
    },
  ],
  updateOrganizationMachineUser: [
    {
      name: 'the manager role',
      before: (params) => sql`
        UPDATE organization_machine_users SET is_manager = true
        WHERE ${ofOrganizationMachine.organizationMachine(params)}`,
      stored: { managerRoles: ['ORG_USER_MANAGER'] },
      reduce: (params) => sql`
        UPDATE organization_machine_users SET is_manager = false
        WHERE ${ofOrganizationMachine.organizationMachine(params)}`,
      isReduced: (params) => sql`
        SELECT NOT is_manager AS reduced FROM organization_machine_users
        WHERE ${ofOrganizationMachine.organizationMachine(params)}`,
    },
    {
      name: 'the roles',
      stored: { roles: ['reader'] },
      reduce: (params) => sql`
        WITH locked AS (
          SELECT FROM organization_machine_users WHERE ${ofOrganizationMachine.organizationMachine(params)} FOR UPDATE)
        DELETE FROM organization_machine_roles USING locked WHERE ${ofOrganizationMachine.role(params)}`,
      isReduced: (params) => sql`
        SELECT count(*) = 0 AS reduced FROM organization_machine_roles WHERE ${ofOrganizationMachine.role(params)}`,
    },
  ],
  updateIdentityProvider: [
    {
      name: 'a disabled provider',
      stored: { enabled: true },
      reduce: ({ idpId }) => sql`UPDATE identity_providers SET enabled = false WHERE ${ofApp()} AND id = ${idpId}`,
      isReduced: ({ idpId }) =>
        sql`SELECT NOT enabled AS reduced FROM identity_providers WHERE ${ofApp()} AND id = ${idpId}`,
    },
  ],
  updateApiKey: keyReductions,
  updateMyApiKey: keyReductions,
  updateOrganizationSecurity: [
    {
      name: 'the duration of sessions',
      before: ({ orgId }) => sql`UPDATE organizations SET security = NULL WHERE ${ofApp()} AND id = ${orgId}`,
      stored: { maxSessionHours: null },
      reduce: ({ orgId }) =>
        sql`UPDATE organizations SET security = '{"maxSessionHours": 24}' WHERE ${ofApp()} AND id = ${orgId}`,
      isReduced: ({ orgId }) => sql`
        SELECT security @> '{"maxSessionHours": 24}' AS reduced FROM organizations WHERE ${ofApp()} AND id = ${orgId}`,
    },
  ],
  updateAppSettings: [
    {
      name: 'operations that need fresh authentication',
      before: () => setSettings({ stepUp: false }),
      stored: { stepUp: false },
      reduce: () => setSettings({ stepUp: true }),
      isReduced: () => sql`SELECT settings @> '{"stepUp": true}' AS reduced FROM apps WHERE id = ${stage.world.appId}`,
    },
    {
      name: 'permissions of owners',
      before: () => setSettings({ ownersHoldAllPermissions: true }),
      stored: { ownersHoldAllPermissions: true },
      reduce: () => setSettings({ ownersHoldAllPermissions: false }),
      isReduced: () => sql`
        SELECT settings @> '{"ownersHoldAllPermissions": false}' AS reduced FROM apps WHERE id = ${stage.world.appId}`,
    },
    {
      name: 'sign-in methods',
      before: () => setSettings({ signInMethods: ['password', 'emailCode'] }),
      stored: { signInMethods: ['password', 'emailCode'] },
      reduce: () => setSettings({ signInMethods: ['password'] }),
      isReduced: () => sql`
        SELECT settings -> 'signInMethods' = '["password"]' AS reduced FROM apps WHERE id = ${stage.world.appId}`,
    },
  ],
};

interface Reduced {
  readonly one: Case;
  readonly reduction: Reduction;
}

const all: readonly (readonly [string, Reduced])[] = cases
  .filter(({ sample }) => !sample.isNoOp)
  .flatMap((one) =>
    (reductionsOf[one.route.operationId] ?? []).map(
      (reduction) => [`${one.name}: ${reduction.name}`, { one, reduction }] as const,
    ),
  );

/** Moves the last authentication of every session into the past. */
async function age(): Promise<void> {
  const time = new Date(app.clock.now().getTime() - (freshForSeconds + 1) * 1000);
  await app.db.query(sql`UPDATE sessions SET authenticated_at = ${time} WHERE app_id = ${stage.world.appId}`);
}

/** The call with a body that sets the stored value, made by an old session. */
async function prepare({ one, reduction }: Reduced): Promise<Prepared & { params: Params }> {
  await app.db.query(
    sql`UPDATE sessions SET authenticated_at = ${app.clock.now()} WHERE app_id = ${stage.world.appId}`,
  );
  const { params = {}, ...prepared } = await one.sample.prepare(stage);
  if (reduction.before) await app.db.query(reduction.before(params));
  await age();
  return { ...prepared, params, body: reduction.stored };
}

const call = ({ one }: Reduced, prepared: Prepared) =>
  perform(stage.world, one.route, prepared, { token: prepared.as.token });

const isReduced = async ({ reduction }: Reduced, params: Params) =>
  (await app.db.query<{ reduced: boolean }>(reduction.isReduced(params)))[0]?.reduced;

it('every operation that exempts unchanged values is tested', () => {
  const declared = routes.filter((route) => route.freshAuthenticationFor === 'changes');
  expect(declared.map(({ operationId }) => operationId).toSorted()).toEqual(Object.keys(reductionsOf).toSorted());
  expect(new Set(all.map(([, { one }]) => one.route.operationId)).size).toBe(declared.length);
});

describe('an old session can set the stored values, which writes nothing and no event:', () => {
  it.each(all)('%s', async (_, reduced) => {
    const prepared = await prepare(reduced);
    const before = await digestOfEverything(app.db);
    expect(outcomeOf(await call(reduced, prepared))).toBe(200);
    expect(await digestOfEverything(app.db)).toEqual(before);
  });
});

describe('an old session cannot undo a reduction:', () => {
  it.each(all)('%s', async (_, reduced) => {
    const prepared = await prepare(reduced);
    await app.db.query(reduced.reduction.reduce(prepared.params));
    expect(outcomeOf(await call(reduced, prepared))).toBe('reauthentication_required');
    expect(await isReduced(reduced, prepared.params)).toBe(true);
  });
});

describe('an old session that waits for the reduction cannot undo it:', () => {
  // The embedded database runs one transaction at a time.
  beforeEach(({ skip }) => skip(app.db.engine === 'embedded'));

  it.each(all)('%s', async (_, reduced) => {
    const prepared = await prepare(reduced);
    const { late } = await whileLocked(app.db, reduced.reduction.reduce(prepared.params), async () => {
      const sent = call(reduced, prepared);
      await untilWaiting(app.db, 1);
      return { late: sent };
    });
    expect(outcomeOf(await late)).toBe('reauthentication_required');
    expect(await isReduced(reduced, prepared.params)).toBe(true);
  });
});
