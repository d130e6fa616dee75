import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { isMutation } from '../http/route.ts';
import { type Case, cases } from './calls.ts';
import { digestOfEverything } from './calls.digest.ts';
import { perform, type Prepared } from './calls.sample.ts';
import { createStage, type Stage } from './calls.stage.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import { createWorld } from './world.ts';

let app: TestApp;
let stage: Stage;

beforeAll(async () => {
  app = await buildTestApp();
  stage = await createStage(await createWorld(app));
});
afterAll(() => app?.close());

interface Event {
  readonly id: string;
  readonly app_id: string;
  readonly target_id: string | null;
  readonly [column: string]: unknown;
}

/** Every event but those known before. */
async function eventsBeside(known: readonly Event[]): Promise<Event[]> {
  const events = await app.db.query<Event>(sql`SELECT * FROM audit_events ORDER BY id`);
  return events.filter(({ id }) => known.every((event) => event.id !== id));
}

interface Outcome {
  readonly events: readonly Event[];
  /** Every field of request and answer by name, the answer's last. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly prepared: Prepared;
  readonly requestId: string;
}

async function callAudited({ route, sample }: Case): Promise<Outcome> {
  const prepared = await sample.prepare(stage);
  const requestId = `request-${app.services.ids.next()}`;
  const known = await eventsBeside([]);
  const headers = { ...prepared.headers, 'x-request-id': requestId, 'user-agent': 'generated test' };
  const response = await perform(stage.world, route, { ...prepared, headers }, { token: prepared.as.token });
  expect(response.statusCode).toBe(route.response.status);
  const answer = route.response.body ? response.json<Record<string, unknown>>() : {};
  const addressed = { ...(prepared.orgId !== undefined && { orgId: prepared.orgId }) };
  const fields = { userId: prepared.as.id, ...prepared.params, ...prepared.body, ...addressed, ...answer };
  return { events: await eventsBeside(known), fields, prepared, requestId };
}

async function appIdOf(name: unknown): Promise<string | undefined> {
  const [row] = await app.db.query<{ id: string }>(sql`SELECT id FROM apps WHERE name = ${name}`);
  return row?.id;
}

/** Who signs up, in or accepts is nobody before the call: the answer says who it was. */
function actorOf({ prepared: { as }, fields }: Outcome) {
  if (as.kind === 'anonymous') return { actor_kind: 'user', actor_id: fields['userId'] };
  return { actor_kind: as.kind, actor_id: as.id };
}

async function expectedEvent({ route, sample }: Case, outcome: Outcome) {
  const { fields, requestId } = outcome;
  const [kind, field] = sample.target ?? ['', ''];
  const appId = await appIdOf(route.access.scope === 'platform' ? fields['name'] : stage.world.appName);
  return {
    app_id: appId,
    action: route.audit,
    ...actorOf(outcome),
    org_id: fields['orgId'] ?? null,
    target_kind: kind,
    target_id: field === undefined ? appId : fields[field],
    claimed_on_behalf_of: null,
    ip: '127.0.0.1',
    user_agent: 'generated test',
    request_id: requestId,
  };
}

const isId = (text: string): boolean => /^[0-9]{15,19}$/.test(text);

/** What the body says, except ids: names of fields are no values, and some words are names. */
function valuesIn(value: unknown, names: readonly string[] = []): string[] {
  if (typeof value === 'string') return isId(value) || names.includes(value) ? [] : [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap((one) => valuesIn(one, names)) : [];
}

const byName = (some: readonly Case[]) => some.map((one) => [one.name, one] as const);
const changing = cases.filter(({ route, sample }) => typeof route.audit === 'string' && !sample.isNoOp);
const silent = cases.filter((one) => !changing.includes(one));

describe('a change writes exactly its declared event:', () => {
  it.each(byName(changing))('%s', async (_, one) => {
    const outcome = await callAudited(one);
    expect(outcome.events).toEqual([expect.objectContaining(await expectedEvent(one, outcome))]);
    const told = JSON.stringify(outcome.events);
    expect(valuesIn(outcome.prepared.body, one.sample.names).filter((value) => told.includes(value))).toEqual([]);
  });
});

describe('nothing changed and no event is written:', () => {
  it.each(byName(silent))('%s', async (_, one) => {
    expect((await callAudited(one)).events).toEqual([]);
  });

  it.each(byName(cases.filter(({ sample }) => sample.isNoOp)))('nor any row: %s', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    const before = await digestOfEverything(app.db);
    await perform(stage.world, one.route, prepared, { token: prepared.as.token });
    expect(await digestOfEverything(app.db)).toEqual(before);
  });
});

describe('the table of routes', () => {
  it('names the target of every audited change', () => {
    expect(changing.filter(({ sample }) => !sample.target).map(({ name }) => name)).toEqual([]);
  });

  it('says why a change goes unaudited', () => {
    const reasons = cases.flatMap(({ route }) =>
      isMutation(route) && typeof route.audit === 'object' ? [route.audit] : [],
    );
    expect(reasons.filter(({ none }) => none.length < 20)).toEqual([]);
  });
});
