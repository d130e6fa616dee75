import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { freshForSeconds } from '../access/second-factor.ts';
import { routes } from '../routes.ts';
import { type Case, cases } from './samples/samples.ts';
import { digestOfEverything } from './digest.ts';
import { human, outcomeOf, perform, type Prepared } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { openTestDatabase } from './database.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld } from './world/world.ts';

/** The operations that need fresh authentication. Listed here on purpose, although each route declares it. */
const asking = {
  always: [
    'validateIntent',
    'unlinkMyIdentity',
    'requestEmailChange',
    'changePassword',
    'deleteMe',
    'exportMe',
    'updateMachineUser',
    'createMachineSecret',
    'deleteMachineSecret',
    'deleteMachineUser',
    'createOrganizationMachineUser',
    'updateOrganizationMachineUser',
    'deleteOrganizationMachineUser',
    'createOrganizationMachineSecret',
    'confirmOrganizationMachineSecret',
    'deleteOrganizationMachineSecret',
    'createOidcIdentityProvider',
    'updateIdentityProvider',
    'deleteIdentityProvider',
    'addSuperAdmin',
    'deleteOrganization',
    'updateOrganizationSecurity',
    'updateAppSettings',
    'createApiKey',
    'updateApiKey',
    'adoptApiKey',
    'createMyApiKey',
    'updateMyApiKey',
    'addMyTotpFactor',
    'confirmMyFactor',
    'createMyPasskeyOptions',
    'addMyPasskey',
    'removeMyFactor',
    'createMyRecoveryCodes',
    'resetUserFactors',
  ],
  stepUp: ['createMachineUser', 'createGoogleIdentityProvider', 'createAzureIdentityProvider', 'deleteUser'],
};

let db: UndoableDb;
let app: TestApp;
let stage: Stage;

beforeAll(async () => {
  db = await openTestDatabase();
  app = await buildTestApp({ db });
  stage = await createStage(await createWorld(app));
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => app?.close());

/** Moves the last authentication of every session into the past. */
const age = (seconds: number) =>
  app.db.query(sql`
    UPDATE sessions SET authenticated_at = ${new Date(app.clock.now().getTime() - seconds * 1000)}::timestamptz
    WHERE app_id = ${stage.world.appId}`);

const requireStepUp = () =>
  app.db.query(sql`
    UPDATE apps SET settings = settings || '{"stepUp": true}'::jsonb WHERE id = ${stage.world.appId}`);

/** The call without a password, which would replace a fresh session; for settings, only with the protected one. */
function withoutProof({ route }: Case, { body, ...rest }: Prepared): Prepared {
  if (route.operationId === 'updateAppSettings') return { ...rest, body: { stepUp: true } };
  if (!body) return rest;
  const { currentPassword: _, ...others } = body;
  return { ...rest, body: others };
}

/** The caller: the human of the sample, or a signed-in user if the route is public. */
const callerOf = ({ as }: Prepared) => (as.kind === 'user' ? as : human(stage.stranger));

const byName = (some: readonly Case[]) => some.map((one) => [one.name, one] as const);
const declaring = (freshness: 'always' | 'stepUp') =>
  cases.filter(({ route }) => route.freshAuthentication === freshness);
const others = cases.filter(({ route }) => route.freshAuthentication === undefined);

async function callWith(one: Case, prepared: Prepared) {
  return perform(stage.world, one.route, prepared, { token: prepared.as.token });
}

async function expectRefusal(one: Case): Promise<void> {
  const prepared = withoutProof(one, await one.sample.prepare(stage));
  await age(freshForSeconds + 1);
  const before = await digestOfEverything(app.db);
  const response = await perform(stage.world, one.route, prepared, { token: callerOf(prepared).token });
  expect([response.statusCode, outcomeOf(response), response.headers['www-authenticate']]).toEqual([
    401,
    'reauthentication_required',
    'Bearer error="insufficient_user_authentication", max_age=600',
  ]);
  expect(response.json<{ detail: string }>().detail).toContain('/v1/authentication/users/me/reauthentication');
  expect(await digestOfEverything(app.db)).toEqual(before);
}

async function expectSuccess(one: Case, seconds: number, strip = withoutProof): Promise<void> {
  const prepared = strip(one, await one.sample.prepare(stage));
  await age(seconds);
  expect(outcomeOf(await callWith(one, prepared))).toBe(one.route.response.status);
}

it.each(['always', 'stepUp'] as const)('the operations that ask, %s, are these', (freshness) => {
  const declared = routes.filter((route) => route.freshAuthentication === freshness);
  expect(declared.map(({ operationId }) => operationId).toSorted()).toEqual(asking[freshness].toSorted());
});

describe('always needs fresh authentication, and an old session is refused:', () => {
  it.each(byName(declaring('always')))('%s', (_, one) => expectRefusal(one));
});

describe('needs it if the app says so, and an old session is refused:', () => {
  it.each(byName(declaring('stepUp')))('%s', async (_, one) => {
    await requireStepUp();
    await expectRefusal(one);
  });
});

describe('does not need it if the app does not say so:', () => {
  it.each(byName(declaring('stepUp')))('%s', (_, one) => expectSuccess(one, freshForSeconds + 1));
});

describe('a session of ten minutes is fresh, and no password is needed:', () => {
  it.each(byName([...declaring('always'), ...declaring('stepUp')]))('%s', async (_, one) => {
    await requireStepUp();
    await expectSuccess(one, freshForSeconds);
  });
});

describe('an old session is accepted like a fresh one, with every setting of the app:', () => {
  it.each(byName(others))('%s', async (_, one) => {
    await requireStepUp();
    await expectSuccess(one, freshForSeconds + 1, (__, prepared) => prepared);
  });
});

describe('machine users are exempt:', () => {
  const ofMachines = cases.filter(
    ({ route, sample }) =>
      route.freshAuthentication && sample.admits !== 'everyone' && sample.admits.includes('machine'),
  );

  it.each(byName(ofMachines))('%s', async (_, one) => {
    await requireStepUp();
    const prepared = await one.sample.prepare(stage);
    await age(freshForSeconds + 1);
    const response = await perform(stage.world, one.route, prepared, { token: stage.machine.token });
    expect(outcomeOf(response)).toBe(one.route.response.status);
  });
});
