import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listAudiences, publicUrl } from '../test/access-tokens.ts';
import { type BarrierDb, barrierDb } from '../test/barrier-db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { callOf, createWorld, type Machine, type Person, problem, type World } from '../test/world/world.ts';

/** The process whose statements stop at barriers. */
let app: TestApp;
let db: BarrierDb;
let world: World;
/** Calls of another process on the same database, which ends what the token needs. */
let elsewhere: World['call'];
let other: TestApp;
let machine: Machine;

beforeAll(async () => {
  const opened = await openTestDatabase();
  db = barrierDb(opened);
  app = await buildTestApp({ db });
  other = await buildTestApp({ db: opened, clock: app.clock });
  world = await createWorld(app);
  await listAudiences(world);
  elsewhere = callOf(other.app, world.appName);
  machine = await world.machine();
});
afterAll(async () => {
  await other?.app.close();
  await app?.close();
});

type Answer = Awaited<ReturnType<World['call']>>;

interface Scene {
  readonly orgId: string;
  /** An owner beside the first one. */
  readonly person: Person;
  readonly token: string;
}

const requestToken = (person: Person, organizationId: string) =>
  world.call('POST', '/v1/authentication/users/me/access-token', {
    token: person.token,
    body: { audience: publicUrl, organizationId },
  });

async function createScene(): Promise<Scene> {
  const first = await world.person();
  const orgId = await world.organization(first);
  const person = await world.person();
  const { email } = person;
  const body = { email, firstName: 'Jon', lastName: 'Doe' };
  const url = `/v1/authorization/organizations/${orgId}/owners`;
  const added = await world.call('POST', url, { token: first.token, body });
  expect(added.statusCode).toBeLessThan(300);
  const { token } = (await requestToken(person, orgId)).json<{ token: string }>();
  return { orgId, person, token };
}

/** The calls that end a token, sent to the other process. */
const ends = {
  'signing out': ({ person: { sessionId, token } }) =>
    elsewhere('DELETE', `/v1/authentication/users/sessions/${sessionId}`, { token }),
  'the end of the membership': ({ person: { token }, orgId }) =>
    elsewhere('DELETE', `/v1/authentication/users/me/organizations/${orgId}`, { token }),
  'the deactivation of the person': ({ person: { userId } }) =>
    elsewhere('POST', `/v1/authorization/users/${userId}/deactivate`, { token: world.admin.token }),
  'the deactivation of the organization': ({ orgId }) =>
    elsewhere('POST', `/v1/authorization/organizations/${orgId}/deactivate`, { token: world.admin.token }),
} as const satisfies Record<string, (scene: Scene) => Promise<Answer>>;
type End = keyof typeof ends;

/** Sends a call, stops one of its statements, ends something meanwhile, and lets it go on. */
async function during(
  scene: Scene,
  { call, text, when, end }: { call: () => Promise<Answer>; text: string; when: 'before' | 'after'; end: End },
): Promise<Answer> {
  const held = db.hold(text, when);
  // An injected request starts when it is awaited.
  const answer = (async () => {
    const response = await call();
    return response;
  })();
  await held.reached;
  expect((await ends[end](scene)).statusCode).toBeLessThan(300);
  held.release();
  return answer;
}

const lookup = 'AS asked (app_id, session_id, user_id, org_id, audience';
const organizationUrl = ({ orgId }: Scene) => `/v1/authorization/organizations/${orgId}`;
const outcome = (answer: Answer) => (answer.statusCode < 300 ? String(answer.statusCode) : problem(answer));

const change = (scene: Scene) => () =>
  world.call('PATCH', organizationUrl(scene), { token: scene.token, body: { metadata: { plan: 'stolen' } } });

async function metadataOf(scene: Scene): Promise<object | undefined> {
  const url = `${organizationUrl(scene)}?includeMetadata=true`;
  return (await elsewhere('GET', url, { token: world.admin.token })).json<{ metadata?: object }>().metadata;
}

describe('a token whose call arrived, but was not looked up yet, is refused after', () => {
  test.each<[end: End, outcome: string]>([
    ['signing out', '401 unauthenticated'],
    ['the end of the membership', '401 unauthenticated'],
    ['the deactivation of the person', '401 unauthenticated'],
    ['the deactivation of the organization', '403 organization_inactive'],
  ])('%s: a change', async (end, expected) => {
    const scene = await createScene();
    const answer = await during(scene, { call: change(scene), text: lookup, when: 'before', end });
    expect(outcome(answer)).toBe(expected);
    expect(await metadataOf(scene)).toEqual({});
  });

  test.each(Object.keys(ends) as End[])('a token is refused by introspection after %s', async (end) => {
    const scene = await createScene();
    const url = '/v1/authentication/token/introspection';
    const call = () => world.call('POST', url, { token: machine.token, body: { token: scene.token } });
    const answer = await during(scene, { call, text: lookup, when: 'before', end });
    expect(answer.json()).toEqual({ active: false });
  });
});

describe('a token that was looked up is decided on again by the statement of the change, after', () => {
  test.each<[end: End, outcome: string]>([
    ['the end of the membership', '404 organization_not_found'],
    ['the deactivation of the organization', '403 organization_inactive'],
  ])('%s', async (end, expected) => {
    const scene = await createScene();
    const answer = await during(scene, { call: change(scene), text: lookup, when: 'after', end });
    expect(outcome(answer)).toBe(expected);
    expect(await metadataOf(scene)).toEqual({});
  });

  test('signing out: this change is applied, the next one is refused', async () => {
    const scene = await createScene();
    const answer = await during(scene, { call: change(scene), text: lookup, when: 'after', end: 'signing out' });
    expect(outcome(answer)).toBe('200');
    expect(outcome(await change(scene)())).toBe('401 unauthenticated');
  });
});

describe('a token that is being issued', () => {
  const grants = 'AS asked (app_id, user_id, org_id, ';

  test.each<[end: End, outcome: string]>([
    ['the end of the membership', '404 organization_not_found'],
    ['the deactivation of the organization', '403 organization_inactive'],
  ])('is refused if the grant is read after %s', async (end, expected) => {
    const scene = await createScene();
    const call = () => requestToken(scene.person, scene.orgId);
    expect(outcome(await during(scene, { call, text: grants, when: 'before', end }))).toBe(expected);
  });

  test.each<[end: End, outcome: string]>([
    ['signing out', '401 unauthenticated'],
    ['the end of the membership', '401 unauthenticated'],
    ['the deactivation of the person', '401 unauthenticated'],
    ['the deactivation of the organization', '403 organization_inactive'],
  ])('is invalid if the grant was read before %s', async (end, expected) => {
    const scene = await createScene();
    const call = () => requestToken(scene.person, scene.orgId);
    const answer = await during(scene, { call, text: grants, when: 'after', end });
    expect(outcome(answer)).toBe('200');
    const { token } = answer.json<{ token: string }>();
    expect(outcome(await change({ ...scene, token })())).toBe(expected);
    expect(await metadataOf(scene)).toEqual({});
  });
});

test('tokens of one batch are each decided on: one ends while both are looked up', async () => {
  const [ending, staying] = [await createScene(), await createScene()];
  const url = '/v1/authentication/token/introspection';
  const held = db.hold(lookup, 'before');
  const answers = Promise.all(
    [ending, staying].map(async ({ token }) => {
      const response = await world.call('POST', url, { token: machine.token, body: { token } });
      return response.json<{ active: boolean }>().active;
    }),
  );
  await held.reached;
  await ends['signing out'](ending);
  held.release();
  expect(await answers).toEqual([false, true]);
});
