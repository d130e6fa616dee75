import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { securityActionOf } from '../access/security-actions.ts';
import { type ErrorCode, errorCodes } from '../http/errors.ts';
import { isMutation, type Route } from '../calls/route.ts';
import { type CallerName, expectedOutcome } from './access.callers.ts';
import { type Case, cases } from './samples/samples.ts';
import { digestOfEverything } from './digest.ts';
import { type Caller, human, perform, type Prepared, robot } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { openTestDatabase } from './database.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld } from './world/world.ts';

/** At most one event of a kind is written within this time. */
const windowOfEventsMs = 60_000;

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

interface Event {
  readonly id: string;
  readonly app_id: string;
  readonly target_id: string | null;
  readonly [column: string]: unknown;
}

const newestId = async (): Promise<string> => {
  const [row] = await app.db.query<{ id: string }>(sql`SELECT COALESCE(max(id), 0) AS id FROM audit_events`);
  return row?.id ?? '0';
};

const eventsAfter = (id: string): Promise<Event[]> =>
  app.db.query<Event>(sql`SELECT * FROM audit_events WHERE id > ${id} ORDER BY id`);

interface Outcome {
  readonly events: readonly Event[];
  /** Every field of request and response by name; the response overrides the request. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly prepared: Prepared;
  readonly requestId: string;
}

async function callAudited({ route, sample }: Case): Promise<Outcome> {
  const prepared = await sample.prepare(stage);
  const requestId = `request-${app.services.ids.next()}`;
  const known = await newestId();
  const headers = { ...prepared.headers, 'x-request-id': requestId, 'user-agent': 'generated test' };
  const response = await perform(stage.world, route, { ...prepared, headers }, { token: prepared.as.token });
  expect(response.statusCode).toBe(route.response.status);
  const answer = route.response.body ? response.json<Record<string, unknown>>() : {};
  const addressed = { ...(prepared.orgId !== undefined && { orgId: prepared.orgId }) };
  const fields = { userId: prepared.as.id, ...prepared.params, ...prepared.body, ...addressed, ...answer };
  return { events: await eventsAfter(known), fields, prepared, requestId };
}

async function appIdOf(name: unknown): Promise<string | undefined> {
  const [row] = await app.db.query<{ id: string }>(sql`SELECT id FROM apps WHERE name = ${name}`);
  return row?.id;
}

/** Callers who sign up, sign in or accept are anonymous before the call; the response identifies them. */
function actorOf({ prepared: { as }, fields }: Outcome) {
  if (as.kind === 'anonymous') return { actor_kind: 'user', actor_id: fields['userId'] };
  return { actor_kind: as.kind, actor_id: as.id };
}

async function expectedEvent({ route, sample }: Case, outcome: Outcome) {
  const { fields, requestId } = outcome;
  const [kind, field] = sample.target ?? ['', ''];
  const appId = await appIdOf(route.access.target === 'platform' ? fields['name'] : stage.world.appName);
  return {
    app_id: appId,
    action: sample.action ?? route.audit,
    ...actorOf(outcome),
    org_id: fields['orgId'] ?? sample.orgIdOfEvent?.(stage) ?? null,
    target_kind: kind,
    target_id: field === undefined ? appId : fields[field],
    claimed_on_behalf_of: null,
    ip: sample.leavesNoClient ? null : '127.0.0.1',
    user_agent: sample.leavesNoClient ? null : 'generated test',
    request_id: requestId,
  };
}

const isId = (text: string): boolean => /^[0-9]{15,19}$/.test(text);

/** Values in the body, except ids, names of fields, and words that are also names. */
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
    const further = (one.sample.tellsMore ?? []).map((action) => expect.objectContaining({ action }));
    const declared = await expectedEvent(one, outcome);
    const isOther = ({ action }: Event) => Number(action !== declared.action);
    const events = outcome.events.toSorted((a, b) => isOther(a) - isOther(b));
    expect(events).toEqual([expect.objectContaining(declared), ...further]);
    const told = JSON.stringify(outcome.events);
    expect(valuesIn(outcome.prepared.body, one.sample.names).filter((value) => told.includes(value))).toEqual([]);
  });
});

describe('nothing changes and no event is written:', () => {
  it.each(byName(silent))('%s', async (_, one) => {
    const { events } = await callAudited(one);
    // A page writes no event of its own; the calls of the API that it makes do.
    expect(events.map(({ action }) => action)).toEqual(one.route.page ? (one.sample.tellsMore ?? []) : []);
  });

  it.each(byName(cases.filter(({ sample }) => sample.isNoOp)))('the call changes no row: %s', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    const before = await digestOfEverything(app.db);
    await perform(stage.world, one.route, prepared, { token: prepared.as.token });
    expect(await digestOfEverything(app.db)).toEqual(before);
  });
});

/** Callers with a valid credential; their refusals are recorded as `access.denied`. */
const signedIn = ['stranger', 'neighbour', 'member', 'manager', 'owner', 'machine'] as const;

const callerNamed = (name: (typeof signedIn)[number]): Caller =>
  name === 'machine' ? robot(stage.machine) : human(stage[name]);

/** The target of a call, in the form of the audit. */
function addressedBy({ access }: Route, { params = {}, body = {}, orgId }: Prepared) {
  const ids: Readonly<Record<string, unknown>> = { ...body, ...params, orgId: orgId ?? params['orgId'] };
  switch (access.target) {
    case 'organization':
      return { target_kind: 'organization', target_id: ids['orgId'], org_id: ids['orgId'] };
    case 'user':
      return { target_kind: 'user', target_id: ids['userId'] };
    case 'session':
      return { target_kind: 'session', target_id: ids['sessionId'] };
    case 'app':
    case 'public':
    case 'platform':
      return { target_kind: 'app', target_id: stage.world.appId };
  }
}

const isNotFound = (code: ErrorCode): boolean => errorCodes[code][0] === 404;

/** Whether the access of the route lets the call reach the handler. */
function isLetIn({ route, sample }: Pick<Case, 'route' | 'sample'>, name: CallerName): boolean {
  const { admits, prepare } = sample;
  return typeof expectedOutcome(route, { admits, prepare }, name) === 'number';
}

/** A machine user sees the whole app. What it does not find does not exist. */
const isDenial = (code: ErrorCode, { kind }: Caller): boolean =>
  securityActionOf(code, false) === 'access.denied' || (isNotFound(code) && kind !== 'machine');

/** The event of a refusal. The requests of a test are distinguished by the caller's name. */
const deniedTo = (name: CallerName, caller: Caller, route: Route, prepared: Prepared) => ({
  app_id: stage.world.appId,
  action: 'access.denied',
  actor_kind: caller.kind,
  actor_id: caller.id,
  ...addressedBy(route, prepared),
  ip: '127.0.0.1',
  user_agent: 'generated test',
  request_id: `refused-${name}`,
  changes: [],
});

/** Makes a call that is refused. @returns the recorded event, and the expected one */
async function refuse({ route, sample }: Case, prepared: Prepared, name: (typeof signedIn)[number], code: ErrorCode) {
  const caller = callerNamed(name);
  const known = await newestId();
  const headers = { ...prepared.headers, 'x-request-id': `refused-${name}`, 'user-agent': 'generated test' };
  await perform(stage.world, route, { ...prepared, headers }, { token: caller.token });
  const told = await eventsAfter(known);
  // The handler may record a denial if only the handler finds that the target is not visible.
  const isOptional = told.length === 0 && isNotFound(code) && isLetIn({ route, sample }, name);
  const isTold = isDenial(code, caller) && !isOptional;
  // A wrong secret is not recorded as `access.denied`, but may have its own event.
  const other = isDenial(code, caller) ? undefined : securityActionOf(code, false);
  const expected = isTold ? [deniedTo(name, caller, route, prepared)] : other ? [{ action: other }] : [];
  return { name, told, expected };
}

describe('a refusal writes exactly its security event:', () => {
  const guarded = cases.filter(({ route }) => !['public', 'platform'].includes(route.access.target));

  it.each(byName(guarded))('%s', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    const refusals = [];
    for (const name of signedIn) {
      const code = expectedOutcome(one.route, one.sample, name);
      if (typeof code === 'string') refusals.push(await refuse(one, prepared, name, code));
    }
    expect(refusals.map(({ name, told }) => ({ name, told }))).toMatchObject(
      refusals.map(({ name, expected }) => ({ name, told: expected })),
    );
    app.clock.advance(windowOfEventsMs);
  });

  it.each(byName(guarded))('a refusal without a credential writes no event: %s', async (_, { route, sample }) => {
    const prepared = await sample.prepare(stage);
    const known = await newestId();
    await perform(stage.world, route, prepared, { token: undefined });
    expect(await eventsAfter(known)).toEqual([]);
  });
});

describe('the table of routes', () => {
  it('names the target of every audited change', () => {
    expect(changing.filter(({ sample }) => !sample.target).map(({ name }) => name)).toEqual([]);
  });

  it('has a reason if a change is not audited', () => {
    const reasons = cases.flatMap(({ route }) =>
      isMutation(route) && typeof route.audit === 'object' ? [route.audit] : [],
    );
    expect(reasons.filter(({ none }) => none.length < 20)).toEqual([]);
  });
});
