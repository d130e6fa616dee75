import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, it } from 'vitest';
import type { Route } from '../src/calls/route.ts';
import { routes } from '../src/routes.ts';
import { type Callers, createCallers } from '../src/test/access.callers.ts';
import { expectDeclaredAccess } from '../src/test/access.checks.ts';
import { type Case, cases } from '../src/test/samples/samples.ts';
import { buildTestApp, type TestApp } from '../src/test/setup.ts';
import { callOf } from '../src/test/world/world.ts';
import { type AccessMutant, accessMutants } from './access-mutants.ts';
import type { Result } from './report.ts';

// Weakens the access of every route, one at a time, and runs the generated check of access.

let app: TestApp;
const results: Result[] = [];

beforeAll(async () => {
  app = await buildTestApp();
});
afterAll(async () => {
  writeFileSync(process.env['MUTATION_RESULTS'] ?? '/dev/stdout', JSON.stringify(results));
  await app?.close();
});

const casesOf = (route: Route): Case[] => cases.filter((one) => one.route.operationId === route.operationId);

/** The service with a given route, on the database of the sample world. */
const serving = (route: Route): Promise<TestApp> =>
  buildTestApp({ db: app.db, clock: app.clock, routes: [route], env: { DATA_DIR: '/nonexistent' } });

/** The complaint of the check, or of the start of the service, about a given route; undefined if there is none. */
async function complaint(callers: Callers, route: Route): Promise<string | undefined> {
  let service: TestApp | undefined;
  try {
    service = await serving(route);
    const world = { ...callers.stage.world, call: callOf(service.app, callers.stage.world.appName) };
    for (const one of casesOf(route)) await expectDeclaredAccess(callers, one, world);
    return undefined;
  } catch (error) {
    return String(error).split('\n')[0];
  } finally {
    await service?.app.close();
  }
}

/** Tests a mutant with separate callers, so that its effects are not attributed to the next mutant. */
async function tryOut(route: Route, { what, access }: AccessMutant): Promise<Result> {
  const why = await complaint(await createCallers(app), { ...route, access });
  const name = `${route.operationId}: ${what}`;
  return { kind: 'access', name, outcome: why === undefined ? 'survived' : 'caught', why: why ?? '' };
}

const [shard = 0, shards = 1] = (process.env['MUTATION_SHARD'] ?? '0/1').split('/').map(Number);
const tried = routes
  .filter((route) => accessMutants(route).length > 0)
  .filter((_, index) => index % shards === shard)
  .map((route) => [route.operationId, route] as const);

it.each(tried)('%s', { timeout: 600_000 }, async (_, route) => {
  const fault = await complaint(await createCallers(app), route);
  if (fault !== undefined) throw new Error(`the check fails without any mutant: ${fault}`);
  for (const mutant of accessMutants(route)) results.push(await tryOut(route, mutant));
});
