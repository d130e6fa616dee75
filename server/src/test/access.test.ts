import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErrorCode } from '../http/errors.ts';
import { routes } from '../routes.ts';
import {
  type CallerName,
  callerNames,
  createCallers,
  expectedOutcome,
  tokenOf,
  type Tokens,
} from './access.callers.ts';
import { type Case, cases, samples } from './calls.ts';
import { digestOfEverything } from './calls.digest.ts';
import { isAppNamed, nobody, outcomeOf, perform, type Prepared } from './calls.sample.ts';
import type { Stage } from './calls.stage.ts';
import { buildTestApp, platformKey, type TestApp } from './setup.ts';
import { createWorld } from './world.ts';

let app: TestApp;
let stage: Stage;
let tokens: Tokens;

beforeAll(async () => {
  app = await buildTestApp();
  ({ stage, tokens } = await createCallers(app));
});
afterAll(() => app?.close());

type Outcomes = Record<string, unknown>;

const callersOf = (prepared: Prepared): readonly CallerName[] =>
  callerNames.filter((name) => name !== 'addressed' || prepared.addressed);

const succeeds = ({ route, sample }: Case, name: CallerName): boolean =>
  expectedOutcome(route, sample, name) === route.response.status;

async function outcomes({ route }: Case, prepared: Prepared, names: readonly CallerName[]): Promise<Outcomes> {
  const found: Outcomes = {};
  for (const name of names) {
    app.clock.advance(1);
    found[name] = outcomeOf(await perform(stage.world, route, prepared, { token: tokenOf(tokens, name, prepared) }));
  }
  return found;
}

/** Everybody who is to be refused calls the same prepared call: nobody may spoil it for the next. */
async function expectRefusals(one: Case, prepared: Prepared): Promise<void> {
  const names = callersOf(prepared).filter((name) => !succeeds(one, name));
  const before = await digestOfEverything(app.db);
  const found = await outcomes(one, prepared, names);
  expect(found).toEqual(Object.fromEntries(names.map((name) => [name, expectedOutcome(one.route, one.sample, name)])));
  expect(await digestOfEverything(app.db)).toEqual(before);
}

async function expectSuccesses(one: Case, names: readonly CallerName[]): Promise<void> {
  for (const name of names) {
    const prepared = await one.sample.prepare(stage);
    expect(await outcomes(one, prepared, [name])).toEqual({ [name]: one.route.response.status });
  }
}

const byName = (some: readonly Case[]) => some.map((one) => [one.name, one] as const);

describe('every route', () => {
  it('has its sample calls, and every sample call its route', () => {
    expect(Object.keys(samples).toSorted()).toEqual(routes.map((route) => route.operationId).toSorted());
  });
});

describe('lets in whom it declares and nobody else:', () => {
  it.each(byName(cases))('%s', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    const admitted = callersOf(prepared).filter((name) => succeeds(one, name));
    const { admits } = one.sample;
    expect(admitted.toSorted()).toEqual((admits === 'everyone' ? callersOf(prepared) : admits).toSorted());
    await expectRefusals(one, prepared);
    await expectSuccesses(one, admitted);
  });
});

describe('answers what the caller is and holds:', () => {
  const answering = cases.filter(({ sample }) => sample.answers);

  it.each(byName(answering))('%s', async (_, { route, sample }) => {
    const prepared = await sample.prepare(stage);
    const response = await perform(stage.world, route, prepared, { token: prepared.as.token });
    expect(response.json()).toMatchObject(sample.answers?.(stage, prepared) ?? {});
  });
});

describe('the operator’s routes', () => {
  const operated = cases.filter(({ route }) => route.access.scope === 'platform');

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

/** Makes every call by the one it is meant for, to an app in some state, and expects nothing to change. */
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

  it('answers nobody once it is deactivated', async () => {
    const { appName } = stage.world;
    await stage.world.call('PATCH', `/v1/platform/apps/${appName}`, {
      app: null,
      token: platformKey,
      body: { status: 'INACTIVE' },
    });
    await expectAllRefused(appName, ({ route }) =>
      route.access.scope === 'public' ? 'app_inactive' : 'unauthenticated',
    );
  });
});
