import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../http/errors.ts';
import { routes } from '../routes.ts';
import { type Callers, createCallers } from './access.callers.ts';
import { expectDeclaredAccess } from './access.checks.ts';
import { type Case, cases, samples } from './samples/samples.ts';
import { digestOfEverything } from './digest.ts';
import { isAppNamed, nobody, outcomeOf, perform, type Prepared } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { openTestDatabase } from './database.ts';
import { buildTestApp, platformKey, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld } from './world/world.ts';

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

const byName = (some: readonly Case[]) => some.map((one) => [one.name, one] as const);

describe('every route', () => {
  it('has its sample calls, and every sample call has its route', () => {
    expect(Object.keys(samples).toSorted()).toEqual(routes.map((route) => route.operationId).toSorted());
  });
});

describe('allows only the declared callers:', () => {
  it.each(byName(cases))('%s', (_, one) => expectDeclaredAccess(callers, one));
});

describe('returns the response for the caller, and leaves the expected state:', () => {
  const answering = cases.filter(({ sample }) => sample.answers ?? sample.afterwards);
  /** A stage that is not used yet. */
  let untouched: Stage;
  beforeAll(async () => {
    untouched = await createStage(await createWorld(app));
  });

  it.each(byName(answering))('%s', async (_, { route, sample }) => {
    const prepared = await sample.prepare(untouched);
    const response = await perform(untouched.world, route, prepared, { token: prepared.as.token });
    expect(outcomeOf(response)).toBe(route.response.status);
    const answer = response.body === '' ? {} : response.json<object>();
    expect(answer).toMatchObject(sample.answers?.(untouched, prepared) ?? {});
    await sample.afterwards?.(untouched, prepared);
  });
});

describe('the operator’s routes', () => {
  const operated = cases.filter(({ route }) => route.access.target === 'platform');

  it.each(byName(operated))('do not exist without a platform key: %s', async (_, { route, sample }) => {
    const keyless = await buildTestApp({ env: { PLATFORM_KEY: '' }, db: app.db });
    const world = await createWorld(keyless);
    const prepared = await sample.prepare(stage);
    const before = await digestOfEverything(app.db);
    for (const token of [platformKey, undefined]) {
      expect(outcomeOf(await perform(world, route, prepared, { token }))).toBe('route_not_found');
    }
    expect(await digestOfEverything(app.db)).toEqual(before);
    await keyless.app.close();
  });
});

/** Makes every call with its intended caller, to an app in some state, and expects no change. */
async function expectAllRefused(header: string | null, expected: (one: Case) => ErrorCode): Promise<void> {
  const calls = cases.filter(({ route }) => isAppNamed(route));
  const before = await digestOfEverything(app.db);
  for (const one of calls) {
    const prepared = preparedCalls.get(one) ?? { as: nobody };
    const response = await perform(stage.world, one.route, prepared, { token: prepared.as.token, app: header });
    expect([one.name, outcomeOf(response)]).toEqual([one.name, expected(one)]);
  }
  expect(await digestOfEverything(app.db)).toEqual(before);
}

const preparedCalls = new Map<Case, Prepared>();

describe('an app', () => {
  beforeAll(async () => {
    for (const one of cases) preparedCalls.set(one, await one.sample.prepare(stage));
  });

  it('has to be named', () => expectAllRefused(null, () => 'app_name_required'));
  it('has to exist', () => expectAllRefused('no-such-app', () => 'app_not_found'));

  it('refuses every call once it is deactivated', async () => {
    const { appName } = stage.world;
    await stage.world.call('PATCH', `/v1/platform/apps/${appName}`, {
      app: null,
      token: platformKey,
      body: { status: 'INACTIVE' },
    });
    await expectAllRefused(appName, ({ route }) =>
      route.access.target === 'public' ? 'app_inactive' : 'unauthenticated',
    );
  });
});
