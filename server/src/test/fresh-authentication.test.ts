import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { freshForSeconds } from '../access/required-authentication.ts';
import { type Acr, acrUrn } from '../access/second-factor.ts';
import { stepUpOperations } from '../access/step-up-operations.ts';
import { isGrant, requiredAuthenticationOf } from '../calls/fresh-authentication.ts';
import { routes } from '../routes.ts';
import { type Case, cases } from './samples/samples.ts';
import { digestOfEverything } from './digest.ts';
import { human, outcomeOf, perform, type Prepared } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { openTestDatabase } from './database.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld, password } from './world/world.ts';

/** The operations that need fresh authentication. Listed here on purpose, although each route declares it. */
const asking: Record<'always' | 'stepUp', readonly string[]> = {
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
    'removeSuperAdmin',
    'deleteOrganization',
    'updateOrganizationSecurity',
    'updateOrganizationBranding',
    'setOrganizationLogo',
    'deleteOrganizationLogo',
    'updateAppSettings',
    'updateBranding',
    'setLogo',
    'deleteLogo',
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
  stepUp: [...stepUpOperations],
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
    UPDATE sessions SET authenticated_at = ${before(seconds)}::timestamptz,
      factor_at = CASE WHEN factor_at IS NOT NULL THEN LEAST(factor_at, ${before(seconds)}::timestamptz) END
    WHERE app_id = ${stage.world.appId}`);
const before = (seconds: number) => new Date(app.clock.now().getTime() - seconds * 1000);

/** Gives every person a factor that was last used in their session at that time. */
const withFactors = (strongest: Acr, { secondFactor, passkey }: { secondFactor: Date | null; passkey: Date | null }) =>
  app.db.query(sql`
    WITH people AS (
      UPDATE users SET has_factor = true, strongest_acr = ${strongest} WHERE app_id = ${stage.world.appId})
    UPDATE sessions SET factor_at = ${secondFactor}::timestamptz, strong_factor_at = ${passkey}::timestamptz
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
/** Pages whose samples make a call of the API that needs fresh authentication. They ask for it. */
const askingPages = new Set(['submitAccountDataPage', 'submitIdentitiesPage', 'showLinkIdentityPage']);
const others = cases.filter(
  ({ route }) => route.freshAuthentication === undefined && !askingPages.has(route.operationId),
);

async function callWith(one: Case, prepared: Prepared) {
  return perform(stage.world, one.route, prepared, { token: prepared.as.token });
}

/** Expects a refusal that changes nothing. @param acr the strength that the challenge names */
async function expectRefused(
  one: Case,
  prepared: Prepared,
  { code, acr }: { code: string; acr: Acr },
  token = callerOf(prepared).token,
): Promise<void> {
  const digest = await digestOfEverything(app.db);
  const response = await perform(stage.world, one.route, prepared, { token });
  const values = acr === 1 ? '' : ` acr_values="${acrUrn(acr)}",`;
  expect([response.statusCode, outcomeOf(response), response.headers['www-authenticate']]).toEqual([
    401,
    code,
    `Bearer error="insufficient_user_authentication",${values} max_age=600`,
  ]);
  expect(response.json<{ detail: string }>().detail).toContain('/v1/authentication/users/me/reauthentication');
  expect(await digestOfEverything(app.db)).toEqual(digest);
}

/** Their samples have a caller with a second factor. */
const ofPeopleWithFactor = new Set(['removeMyFactor', 'createMyRecoveryCodes', 'resetUserFactors']);

async function expectRefusal(one: Case): Promise<void> {
  const prepared = withoutProof(one, await one.sample.prepare(stage));
  await age(freshForSeconds + 1);
  const acr = ofPeopleWithFactor.has(one.route.operationId) ? 2 : 1;
  await expectRefused(one, prepared, { code: 'reauthentication_required', acr });
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

describe('needs it if the app requires it, and an old session is refused:', () => {
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

const asked = [...declaring('always'), ...declaring('stepUp')];
/** The documented form of this call has the current password, also of people with a second factor. */
const confirmedByPassword = 'changePassword';

describe('people with a second factor are refused after a recent password only:', () => {
  const never = { secondFactor: null, passkey: null };

  it.each(byName(asked))('%s', async (_, one) => {
    const prepared = withoutProof(one, await one.sample.prepare(stage));
    for (const acr of [2, 3] as const) {
      await withFactors(acr, never);
      const { acr: declared = 1 } = requiredAuthenticationOf(one.route) ?? {};
      // The declared requirements are checked first.
      await expectRefused(one, prepared, { code: 'step_up_required', acr: declared > 1 ? declared : acr });
      await withFactors(acr, { secondFactor: before(freshForSeconds + 1), passkey: before(freshForSeconds + 1) });
      await expectRefused(one, prepared, { code: 'step_up_required', acr: declared > 1 ? declared : acr });
    }
  });

  it.each(byName(asked.filter(({ route }) => route.operationId !== confirmedByPassword)))(
    'the current password in the body is not enough: %s',
    async (_, one) => {
      const { body, ...prepared } = withoutProof(one, await one.sample.prepare(stage));
      const isAccepted = one.route.body?.safeParse({ ...body, currentPassword: password }).success ?? false;
      await withFactors(2, never);
      const sent = { ...prepared, ...(body && { body: isAccepted ? { ...body, currentPassword: password } : body }) };
      await expectRefused(one, sent, { code: 'step_up_required', acr: 2 });
    },
  );
});

describe('people with a passkey are refused after another factor:', () => {
  it.each(byName(asked))('%s', async (_, one) => {
    const prepared = withoutProof(one, await one.sample.prepare(stage));
    await withFactors(3, { secondFactor: app.clock.now(), passkey: before(freshForSeconds + 1) });
    await expectRefused(one, prepared, { code: 'step_up_required', acr: 3 });
  });
});

describe('people with a second factor are refused after an old one:', () => {
  it.each(byName(asked))('%s', async (_, one) => {
    const prepared = withoutProof(one, await one.sample.prepare(stage));
    await age(freshForSeconds + 1);
    await withFactors(2, { secondFactor: before(freshForSeconds + 1), passkey: null });
    await expectRefused(one, prepared, { code: 'reauthentication_required', acr: 2 });
  });
});

describe('the strongest factor within ten minutes is enough:', () => {
  // The call has no session, so a person with a second factor uses it now.
  const withSession = asked.filter(({ route }) => 'principals' in route.access);

  it.each(byName(withSession))('%s', async (_, one) => {
    const prepared = withoutProof(one, await one.sample.prepare(stage));
    await age(freshForSeconds);
    await withFactors(3, { secondFactor: before(freshForSeconds), passkey: before(freshForSeconds) });
    expect(outcomeOf(await callWith(one, prepared))).toBe(one.route.response.status);
  });
});

describe('everybody needs the authentication that a route declares:', () => {
  const declared = cases.filter(({ route }) => requiredAuthenticationOf(route));
  const requiredOf = ({ route }: Case) => requiredAuthenticationOf(route) ?? { acr: 1, maxAgeSeconds: 0 };
  const proven = (time: Date | null) => ({ secondFactor: time, passkey: time });

  it('the list of these operations is complete', () => {
    const those = routes.filter((route) => requiredAuthenticationOf(route));
    expect(those.map((route) => [route.operationId, requiredAuthenticationOf(route)])).toEqual([
      ['resetUserFactors', { acr: 2, maxAgeSeconds: 600 }],
    ]);
  });

  it.each(byName(declared))('%s refuses a factor that is too weak', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    await withFactors(2, proven(null));
    await expectRefused(one, prepared, { code: 'step_up_required', acr: requiredOf(one).acr });
    await age(10 * requiredOf(one).maxAgeSeconds);
    await expectRefused(one, prepared, { code: 'step_up_required', acr: requiredOf(one).acr });
  });

  it.each(byName(declared))('%s refuses a factor that is too old', async (_, one) => {
    const { acr, maxAgeSeconds } = requiredOf(one);
    const prepared = await one.sample.prepare(stage);
    await age(maxAgeSeconds + 1);
    await withFactors(2, proven(before(maxAgeSeconds + 1)));
    await expectRefused(one, prepared, { code: 'reauthentication_required', acr });
  });

  it.each(byName(declared))('%s accepts a factor that is strong and recent enough', async (_, one) => {
    const { maxAgeSeconds } = requiredOf(one);
    const prepared = await one.sample.prepare(stage);
    await withFactors(2, proven(before(maxAgeSeconds)));
    expect(outcomeOf(await callWith(one, prepared))).toBe(one.route.response.status);
  });
});

describe('an app names the documented operations that need it of everybody:', () => {
  const setStepUp = (names: readonly string[]) =>
    app.db.query(sql`
      UPDATE apps
      SET settings = settings || jsonb_build_object('stepUp', true, 'stepUpOperations', ${[...names]}::text[])
      WHERE id = ${stage.world.appId}`);

  it.each(byName(declaring('stepUp')))('%s', async (_, one) => {
    await setStepUp(stepUpOperations.filter((name) => name !== one.route.operationId));
    await expectSuccess(one, freshForSeconds + 1);
  });

  it.each(byName(declaring('stepUp')))('%s, if it is named', async (_, one) => {
    await setStepUp([one.route.operationId]);
    await expectRefusal(one);
  });
});

describe('super admins grant rights', () => {
  const grants = cases.filter(({ route }) => isGrant(route));
  const setPolicy = (policy: string) =>
    app.db.query(sql`
      UPDATE apps SET settings = settings || jsonb_build_object('mfa', jsonb_build_object('policy', ${policy}::text))
      WHERE id = ${stage.world.appId}`);

  it.each(byName(grants))('super admins with a factor need a recent one: %s', async (_, one) => {
    const prepared = withoutProof(one, await one.sample.prepare(stage));
    await withFactors(2, { secondFactor: null, passkey: null });
    await expectRefused(one, prepared, { code: 'step_up_required', acr: 2 }, stage.world.admin.token);
  });

  it.each(byName(grants))('a required factor is needed to grant rights: %s', async (_, one) => {
    const prepared = withoutProof(one, await one.sample.prepare(stage));
    await setPolicy('required');
    await expectRefusedFactorless(one, prepared);
  });

  it.each(byName(grants))('nobody needs a factor if nobody has one: %s', async (_, one) => {
    const prepared = withoutProof(one, await one.sample.prepare(stage));
    const response = await perform(stage.world, one.route, prepared, { token: stage.world.admin.token });
    expect(String(outcomeOf(response))).not.toMatch(/step_up_required|reauthentication_required/);
  });

  it.each(byName(grants))('nobody needs a factor in an app without factors: %s', async (_, one) => {
    const prepared = withoutProof(one, await one.sample.prepare(stage));
    await withFactors(3, { secondFactor: null, passkey: null });
    await setPolicy('off');
    const response = await perform(stage.world, one.route, prepared, { token: stage.world.admin.token });
    expect(String(outcomeOf(response))).not.toMatch(/step_up_required|reauthentication_required/);
  });

  /** The detail says that a factor must be added first. */
  async function expectRefusedFactorless(one: Case, prepared: Prepared): Promise<void> {
    const digest = await digestOfEverything(app.db);
    const response = await perform(stage.world, one.route, prepared, { token: stage.world.admin.token });
    expect([outcomeOf(response), response.json<{ detail: string }>().detail]).toEqual([
      'step_up_required',
      expect.stringContaining('Add one first'),
    ]);
    expect(await digestOfEverything(app.db)).toEqual(digest);
  }
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
