import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { type ErrorCode, errorCodes } from '../http/errors.ts';
import { isMutation } from '../calls/route.ts';
import { type Case, cases } from './samples/samples.ts';
import { digestOfEverything, digestOfRowsNaming } from './digest.ts';
import { type Caller, human, isAppNamed, outcomeOf, perform, type Prepared } from './samples/sample.ts';
import { addTo, createStage, type Stage } from './samples/stage.ts';
import { leaveOpenBusiness } from './open-business.ts';
import { withoutTimePassing } from './clock.ts';
import { openTestDatabase } from './database.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import { bodyOf, type Exchange, singleExchanges, textsOf, wholeExchange } from './tenancy.exchange.ts';
import type { UndoableDb } from './undo.ts';
import { linked } from './samples/identity-providers.ts';
import { setRelyingParty } from './world/passkeys.ts';
import { createWorld, type World } from './world/world.ts';

let db: UndoableDb;
let app: TestApp;
let stage: Stage;
/** Another organization of the same app, with its own people. */
let nextDoor: Stage;
let foreign: Stage;

beforeAll(async () => {
  db = await openTestDatabase();
  app = await buildTestApp({ db });
  const world = await createWorld(app);
  stage = await createStage(world);
  nextDoor = await createStage(world);
  const { person } = await linked(nextDoor);
  await addTo(nextDoor, person.userId, 'reader');
  foreign = await createStage(await createWorld(app));
});
aroundEach((runTest) => withoutTimePassing(() => db.undo(runTest)));
afterAll(() => app?.close());

const isNotFound = (outcome: number | ErrorCode): boolean =>
  typeof outcome === 'string' && errorCodes[outcome][0] === 404;

/** A foreign id gets the same result as an unknown one, and the response contains only values of the request. */
async function expectUnknown({ route, sample }: Case, caller: Caller, exchange: Exchange, texts: readonly string[]) {
  const { what, prepared } = exchange;
  const response = await perform(stage.world, route, prepared, { token: caller.token });
  const outcome = outcomeOf(response);
  const expected = sample.foreignIn?.[what] ?? sample.foreign;
  const isExpected = expected === undefined ? isNotFound(outcome) : outcome === expected;
  expect({ what, outcome, isExpected }).toEqual({ what, outcome, isExpected: true });
  const sent = textsOf(prepared);
  expect(texts.filter((text) => !sent.includes(text) && response.body.includes(text))).toEqual([]);
}

async function expectAllUnknown(one: Case, caller: Caller, exchanges: readonly Exchange[], whose: Stage) {
  const { world: _, ...people } = whose;
  const before = await digestOfEverything(app.db);
  for (const exchange of exchanges) await expectUnknown(one, caller, exchange, textsOf(people));
  expect(await digestOfEverything(app.db)).toEqual(before);
}

/**
 * Callers of other organizations, and all callers of the populated app except super admins and its machine user, who
 * see the whole app.
 */
async function idsNextDoor(): Promise<string[]> {
  const { orgId, stranger, machine } = nextDoor;
  const members = await app.db.query<{ user_id: string }>(sql`
    SELECT m.user_id FROM members m JOIN users u ON u.app_id = m.app_id AND u.id = m.user_id
    WHERE m.org_id = ${orgId} AND NOT u.is_super_admin`);
  return [orgId, stage.neighbourOrgId, stranger.userId, machine.machineUserId, ...members.map((row) => row.user_id)];
}

const ofApps = cases.filter(({ route }) => isAppNamed(route));
const byName = (some: readonly Case[]) => some.map((one) => [one.name, one] as const);

describe('ids and secrets of another app are unknown to', () => {
  it.each(byName(ofApps))('%s', async (_, one) => {
    const ours = await one.sample.prepare(stage);
    const theirs = await one.sample.prepare(foreign);
    const singles = singleExchanges(ours, theirs);
    const isWhole = singles.length > 0 || one.sample.foreign !== undefined;
    await expectAllUnknown(one, ours.as, isWhole ? [...singles, wholeExchange(theirs)] : [], foreign);
  });
});

describe('a credential of one app is invalid in another for', () => {
  const ofCallers = ofApps.filter(({ route }) => route.access.target !== 'public');

  it.each(byName(ofCallers))('%s', async (_, one) => {
    const calls = [await one.sample.prepare(stage), await one.sample.prepare(foreign)];
    const { token } = calls[0]?.as ?? {};
    const before = await digestOfEverything(app.db);
    for (const prepared of calls) {
      const response = await perform(foreign.world, one.route, prepared, { token });
      expect(outcomeOf(response)).toBe('unauthenticated');
    }
    expect(await digestOfEverything(app.db)).toEqual(before);
  });
});

async function deletedOrganization({ world, owner }: Stage): Promise<string> {
  const orgId = await world.organization(owner);
  await world.call('DELETE', `/v1/authorization/organizations/${orgId}`, { token: world.admin.token });
  return orgId;
}

describe('the event of a refusal contains nothing of another app:', () => {
  type Call = Parameters<World['call']>;
  const readOrganization = (id: string): Call => ['GET', `/v1/authorization/organizations/${id}`];
  const body = (clientId: string) => ({ clientId, clientSecret: `gh_m_${'x'.repeat(43)}` });

  it.each<[what: string, kind: string, idOf: (whose: Stage) => string | Promise<string>, call: (id: string) => Call]>([
    ['a user', 'user', ({ member }) => member.userId, (id) => ['GET', `/v1/authentication/users/${id}`]],
    [
      'a session',
      'session',
      ({ member }) => member.sessionId,
      (id) => ['DELETE', `/v1/authentication/users/sessions/${id}`],
    ],
    ['an organization', 'organization', ({ orgId }) => orgId, readOrganization],
    ['a deleted organization', 'organization', deletedOrganization, readOrganization],
    [
      'a machine user',
      'machine',
      ({ machine }) => machine.machineUserId,
      (id) => ['POST', '/v1/authentication/machine-users/access-token', { body: body(id) }],
    ],
  ])('%s', async (_, kind, idOf, call) => {
    const [ours, theirs] = [await idOf(stage), await idOf(foreign)];
    for (const id of [ours, theirs]) {
      const [method, url, options] = call(id);
      await stage.world.call(method, url, { token: stage.stranger.token, ...options });
    }
    const told = (await stage.world.securityEvents()).map(({ target }) => target);
    expect(told).toEqual([`${kind} ${ours}`, `${kind} `]);
    const named = await app.db.query(sql`
      SELECT 1 FROM audit_events WHERE app_id = ${stage.world.appId} AND ${theirs}::bigint IN (target_id, org_id)`);
    expect(named).toEqual([]);
  });
});

/**
 * A caller who is bound to an organization, if the route admits one, because the app's own callers may use the other
 * organization.
 */
function boundCaller({ sample: { admits } }: Case, { addressed }: Prepared): Caller | undefined {
  if (admits === 'everyone') return undefined;
  if (admits.includes('owner')) return human(stage.owner);
  return admits.includes('addressed') ? addressed : undefined;
}

/** Calls with ids of the own app, or with pairs that belong together: an id with its secret, or two ids. */
const belongTogether = ({ route }: Case, exchanges: readonly Exchange[]): boolean =>
  route.access.target === 'public' ||
  route.url.includes('/users/me/') ||
  (route.access.target === 'app' && exchanges.length > 1);

describe('ids of another organization are unknown to', () => {
  it.each(byName(ofApps))('%s', async (_, one) => {
    const ours = await one.sample.prepare(stage);
    const theirs = await one.sample.prepare(nextDoor);
    const bound = boundCaller(one, ours);
    const singles = singleExchanges(ours, theirs);
    if (bound && singles.length > 0) {
      await expectAllUnknown(one, bound, [...singles, wholeExchange(theirs)], nextDoor);
    } else if (belongTogether(one, singles)) await expectAllUnknown(one, ours.as, singles, nextDoor);
  });
});

describe('another organization and its people are unchanged after', () => {
  const changing = ofApps.filter(({ route }) => isMutation(route));

  it.each(byName(changing))('%s', async (_, { route, sample }) => {
    await leaveOpenBusiness(nextDoor);
    const prepared = await sample.prepare(stage);
    const ids = [...(await idsNextDoor()), ...(prepared.bystanders ?? [])];
    const before = await digestOfRowsNaming(app.db, ids);
    const response = await perform(stage.world, route, prepared, { token: prepared.as.token });
    expect(response.statusCode).toBe(route.response.status);
    expect(await digestOfRowsNaming(app.db, ids)).toEqual(before);
  });
});

/** The people of a call also own another organization. */
async function ownNextDoor({ as, addressed, params, body }: Prepared): Promise<void> {
  const { appId } = stage.world;
  const concerned = [as, addressed].filter((caller) => caller?.kind === 'user').map((caller) => caller?.id);
  const ids = [...concerned, params?.['userId'], body?.['userId']].filter((id) => typeof id === 'string');
  const found = await app.db.query<{ id: string }>(sql`
    SELECT id FROM users WHERE app_id = ${appId} AND id = ANY (${ids}::bigint[]) AND state = 'ACTIVE'`);
  for (const { id } of found) await addTo(nextDoor, id, 'writer');
  await app.db.query(sql`
    UPDATE members SET is_owner = true, is_manager = true
    WHERE app_id = ${appId} AND org_id = ${nextDoor.orgId} AND user_id = ANY (${found.map(({ id }) => id)}::bigint[])`);
}

describe('a response does not depend on another organization:', () => {
  const isOfOrganization = ({ route: { access } }: Case) => access.target === 'organization';
  const seesTheApp = ({ kind, id }: Caller) => kind === 'machine' || id === stage.world.admin.userId;

  // This call is made in an app that allows mailed codes only, so people of other organizations have no other factors.
  const callable = ofApps.filter(({ route }) => route.operationId !== 'sendSecondFactorCode');

  it.each(byName(callable))('%s', async (_, one) => {
    await setRelyingParty(stage.world);
    const prepared = await one.sample.prepare(stage);
    const { token, ...caller } = isOfOrganization(one) ? prepared.as : (boundCaller(one, prepared) ?? prepared.as);
    if (!isOfOrganization(one) && seesTheApp({ token, ...caller })) return;
    const respond = () =>
      db.undo(async () => {
        const response = await perform(stage.world, one.route, prepared, { token });
        return { outcome: outcomeOf(response), body: bodyOf(one.route, response) };
      });
    const before = await respond();
    await withoutTimePassing(() => leaveOpenBusiness(nextDoor));
    expect(await respond()).toEqual(before);
    if (!isOfOrganization(one)) return;
    await ownNextDoor(prepared);
    expect(await respond()).toEqual(before);
  });
});
