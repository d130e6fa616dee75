import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { expectedOutcome } from './access.callers.ts';
import { type Case, cases } from './samples/samples.ts';
import { digestOfEverything } from './digest.ts';
import { human, outcomeOf, perform, type Prepared } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import { createWorld } from './world/world.ts';

let app: TestApp;
let stage: Stage;

beforeAll(async () => {
  app = await buildTestApp();
  stage = await createStage(await createWorld(app));
});
afterAll(() => app?.close());

const keeping = cases.filter(({ route }) => route.idempotency === 'kept').map((one) => [one.name, one] as const);

/** The call with a unique key. */
async function prepareKeyed({ sample }: Case): Promise<Prepared> {
  const prepared = await sample.prepare(stage);
  const key = `key-${app.services.ids.next()}`;
  return { ...prepared, headers: { ...prepared.headers, 'idempotency-key': key } };
}

const call = ({ route }: Case, prepared: Prepared, token = prepared.as.token) =>
  perform(stage.world, route, prepared, { token });

/** The response to another caller who makes the same call after the first call. */
const metByOthers: Readonly<Record<string, string>> = { createOrganization: 'organization_name_taken' };

const eventsAfter = async (id: string): Promise<number> =>
  (await app.db.query(sql`SELECT 1 FROM audit_events WHERE id > ${id}`)).length;

describe('a creating call that is repeated with its key', () => {
  it.each(keeping)('gets the same response and changes nothing: %s', async (_, one) => {
    const prepared = await prepareKeyed(one);
    const first = await call(one, prepared);
    expect(first.statusCode).toBe(one.route.response.status);
    expect(first.headers).not.toHaveProperty('idempotent-replayed');
    const before = await digestOfEverything(app.db);
    const again = await call(one, prepared);
    expect([again.statusCode, again.headers['idempotent-replayed']]).toEqual([first.statusCode, 'true']);
    expect(again.json()).toEqual(first.json());
    expect(await digestOfEverything(app.db)).toEqual(before);
  });

  it.each(keeping)('a repeated key with another body is refused and changes nothing: %s', async (_, one) => {
    const prepared = await prepareKeyed(one);
    const { body } = await one.sample.prepare(stage);
    await call(one, prepared);
    const before = await digestOfEverything(app.db);
    const other = await call(one, { ...prepared, ...(body && { body }) });
    const isSame = JSON.stringify(body) === JSON.stringify(prepared.body);
    expect(outcomeOf(other)).toBe(isSame ? one.route.response.status : 'idempotency_key_reused');
    expect(await digestOfEverything(app.db)).toEqual(before);
  });

  it.each(keeping)('concurrently is created once: %s', async (_, one) => {
    const prepared = await prepareKeyed(one);
    const known = app.services.ids.next();
    const answers = await Promise.all(Array.from({ length: 4 }, () => call(one, prepared)));
    const fresh = answers.filter(
      (answer) => answer.statusCode < 400 && answer.headers['idempotent-replayed'] === undefined,
    );
    expect(fresh).toHaveLength(1);
    const refused = answers.filter(({ statusCode }) => statusCode >= 400).map(outcomeOf);
    expect(new Set(['idempotency_in_progress', ...refused])).toEqual(new Set(['idempotency_in_progress']));
    const given = answers.filter(({ statusCode }) => statusCode < 400).map(({ body }) => body);
    expect(new Set(given)).toEqual(new Set([fresh[0]?.body]));
    expect(await eventsAfter(known)).toBeLessThanOrEqual(1);
  });

  it.each(keeping)('cannot be repeated by another caller: %s', async (_, one) => {
    const prepared = await prepareKeyed(one);
    await call(one, prepared);
    for (const name of ['stranger', 'member'] as const) {
      const answer = await call(one, prepared, human(stage[name]).token);
      const met = metByOthers[one.route.operationId];
      expect(outcomeOf(answer)).toBe(met ?? expectedOutcome(one.route, one.sample, name));
    }
    expect(outcomeOf(await perform(stage.world, one.route, prepared, { token: undefined }))).toBe('unauthenticated');
    app.clock.advance(60_000);
  });
});
