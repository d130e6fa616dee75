import { isDeepStrictEqual } from 'node:util';
import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { cases } from './samples/samples.ts';
import { digestOfEverything } from './digest.ts';
import { isAppNamed, type Prepared, urlOf } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { openTestDatabase } from './database.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld } from './world/world.ts';
import type { Route } from '../calls/route.ts';

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

const reading = cases.filter(({ route }) => route.method === 'GET');

/** Headers of browsers that prefetch or prerender a page. */
const prefetches: Record<string, string>[] = [
  { 'sec-purpose': 'prefetch' },
  { 'sec-purpose': 'prefetch;prerender' },
  { purpose: 'prefetch' },
  { 'x-purpose': 'preview' },
  { 'x-moz': 'prefetch' },
];

const send = (method: 'GET' | 'HEAD', route: Route, prepared: Prepared, headers: Record<string, string> = {}) =>
  stage.world.call(method, urlOf(route, prepared), {
    app: isAppNamed(route) ? stage.world.appName : null,
    token: prepared.as.token,
    headers: { ...prepared.headers, ...headers },
    ...(prepared.orgId !== undefined && { orgId: prepared.orgId }),
  });

describe('changes nothing:', () => {
  it.each(reading.map((one) => [one.name, one] as const))('reading %s changes no row', async (_, { route, sample }) => {
    const prepared = await sample.prepare(stage);
    const before = await digestOfEverything(app.db);

    const head = await send('HEAD', route, prepared);
    expect(head.statusCode).toBe(route.changesState ? 405 : route.response.status);
    for (const headers of prefetches) {
      const { statusCode, headers: answered } = await send('GET', route, prepared, headers);
      expect(statusCode).toBe(route.changesState ? 503 : route.response.status);
      expect(answered['cache-control']).toMatch(route.changesState ? /^no-store$/ : /./);
    }
    expect(await digestOfEverything(app.db)).toEqual(before);

    expect((await send('GET', route, prepared)).statusCode).toBe(route.response.status);
    const isSame = isDeepStrictEqual(await digestOfEverything(app.db), before);
    expect(isSame || route.changesState).toBe(true);
  });
});

it('finds the routes that change something', () => {
  const changing = reading.filter(({ route }) => route.changesState).map(({ route }) => route.operationId);
  expect(new Set(changing)).toEqual(
    new Set(['startIntent', 'finishIntent', 'showProviderPage', 'showLinkIdentityPage', 'showContinuePage']),
  );
});
