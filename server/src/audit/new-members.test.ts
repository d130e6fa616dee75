import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';

// An owner makes people members to learn who caused earlier events.

let app: TestApp;
let world: World;
let owner: Person;
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner);
});
afterAll(() => app?.close());

interface Event {
  readonly action: string;
  readonly actor: { kind: string; id?: string | null };
}

const organization = () => `/v1/authorization/organizations/${orgId}`;
async function read({ token }: Person, filters: Record<string, string>): Promise<Event[]> {
  const query = new URLSearchParams({ pageSize: '100', ...filters }).toString();
  const response = await world.call('GET', `${organization()}/audit-events?${query}`, { token });
  return response.json<{ events: Event[] }>().events;
}
const change = ({ token }: Person, body: object = { metadata: { plan: 'pro' } }) =>
  world.call('PATCH', organization(), { token, body });
async function makeOwner({ email }: Person): Promise<void> {
  app.clock.advance(60_000);
  const body = { email, firstName: 'Jon', lastName: 'Doe' };
  const added = await world.call('POST', `${organization()}/owners`, { token: owner.token, body });
  expect(added.statusCode).toBe(201);
}

it('somebody who becomes a member stays a kind in the events from before', async () => {
  const person = await world.person();
  await change(person);
  const denied = { action: 'access.denied' };
  const [before] = await read(owner, denied);
  expect(before?.actor).toEqual({ kind: 'user' });
  await makeOwner(person);
  expect((await change(person)).statusCode).toBe(200);
  expect((await read(owner, denied))[0]).toEqual(before);
  expect((await read(world.admin, denied))[0]?.actor).toEqual({ kind: 'user', id: person.userId });
  const [own] = await read(owner, { action: 'organization.updated' });
  expect(own?.actor).toEqual({ kind: 'user', id: person.userId });
});

it('a filter by an actor begins with the membership', async () => {
  const person = await world.person();
  await change(person);
  await makeOwner(person);
  await change(person);
  const actions = async (caller: Person, filters: Record<string, string> = {}) =>
    (await read(caller, { actorId: person.userId, ...filters })).map(({ action }) => action);
  const now = app.clock.now().getTime();
  const at = (time: number) => new Date(time).toISOString();
  expect(await actions(world.admin)).toEqual(['organization.updated', 'access.denied']);
  expect(await actions(owner)).toEqual(['organization.updated']);
  expect(await actions(owner, { action: 'access.denied' })).toEqual([]);
  expect(await actions(owner, { from: at(now - 3_600_000) })).toEqual(['organization.updated']);
  expect(await actions(owner, { from: at(now + 1) })).toEqual([]);
  expect(await actions(owner, { to: at(now) })).toEqual([]);
});
