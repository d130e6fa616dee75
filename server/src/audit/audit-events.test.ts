import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { addTo, createStage, type Stage } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, password, type Person, problem, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let stage: Stage;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  stage = await createStage(world);
});
afterAll(() => app?.close());

interface Event {
  readonly id: string;
  readonly time: string;
  readonly action: string;
  readonly actor: { kind: string; id?: string | null };
  readonly target: { kind: string; id: string | null };
  readonly ip?: string | null;
  readonly orgId?: string;
  readonly requestId: string;
  readonly changes: string[];
}
interface Page {
  readonly metadata: { nextCursor?: string };
  readonly events: Event[];
}

const ofApp = '/v1/authorization/audit-events';
const ofOrganization = (orgId = stage.orgId) => `/v1/authorization/organizations/${orgId}/audit-events`;

const read = (url: string, token: string, query: Record<string, string> = {}) =>
  world.call('GET', `${url}?${new URLSearchParams({ pageSize: '100', ...query }).toString()}`, { token });

async function page(url: string, token: string, query: Record<string, string> = {}): Promise<Page> {
  const response = await read(url, token, query);
  if (response.statusCode !== 200) throw new Error(response.body);
  return response.json<Page>();
}

const events = async (url: string, token: string, query: Record<string, string> = {}) =>
  (await page(url, token, query)).events;

async function pages(url: string, token: string, query: Record<string, string>): Promise<Event[][]> {
  const found: Event[][] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined;) {
    const { metadata, events: some } = await page(url, token, { ...query, ...(cursor !== '' && { cursor }) });
    found.push(some);
    cursor = metadata.nextCursor;
  }
  return found;
}

/** Makes the caller change the organization, a minute after the events before. @returns the request's id */
async function change(token: string, body: object = { metadata: { plan: 'pro' } }, orgId = stage.orgId) {
  app.clock.advance(60_000);
  const headers = { 'x-request-id': `change-${app.services.ids.next()}`, 'user-agent': 'a browser' };
  const response = await world.call('PATCH', `/v1/authorization/organizations/${orgId}`, { token, body, headers });
  expect(response.statusCode).toBe(200);
  return headers['x-request-id'];
}

const byRequest = (found: readonly Event[], requestId: string) => found.find((event) => event.requestId === requestId);

describe('refused are', () => {
  const admin = () => world.admin.token;
  const refused: [string, () => string, () => string, Record<string, string>, string][] = [
    ['the organization’s to a manager', ofOrganization, () => stage.manager.token, {}, '403 access_denied'],
    ['the organization’s to a member', ofOrganization, () => stage.member.token, {}, '403 access_denied'],
    ['the organization’s to a stranger', ofOrganization, () => stage.stranger.token, {}, '404 organization_not_found'],
    ['those next door', () => ofOrganization('1'), () => stage.owner.token, {}, '404 organization_not_found'],
    ['those of no organization', () => ofOrganization('1'), admin, {}, '404 organization_not_found'],
    ['the app’s to an owner', () => ofApp, () => stage.owner.token, {}, '403 access_denied'],
    ['a page number', () => ofApp, admin, { page: '0' }, '400 validation_failed'],
    ['an actor that is not an id', () => ofApp, admin, { actorId: 'jon' }, '400 validation_failed'],
    ['a date without a time', () => ofApp, admin, { from: '2026-11-24' }, '400 validation_failed'],
    ['an impossible time', () => ofApp, admin, { to: '2026-13-24T00:00:00Z' }, '400 validation_failed'],
    ['a forged cursor', () => ofApp, admin, { cursor: 'MTIz.AAAA' }, '400 validation_failed'],
  ];
  it.each(['', ' ', '\u200b'])('blank filters (%j) are accepted and filter nothing', async (blank) => {
    const filters = new URLSearchParams({ pageSize: '5', action: blank, actorId: blank, from: blank, to: blank });
    const { token } = stage.world.admin;
    const [blanks, none] = await Promise.all(
      [filters.toString(), 'pageSize=5'].map((query) => stage.world.call('GET', `${ofApp}?${query}`, { token })),
    );
    expect(blanks?.json<{ events: unknown }>().events).toEqual(none?.json<{ events: unknown }>().events);
  });

  it('a time in lower case is refused', async () => {
    const { token } = stage.world.admin;
    const query = new URLSearchParams({
      pageSize: '5',
      from: '2020-01-01t00:00:00z',
      to: '2020-01-02t00:00:00.5+02:00',
    });
    const response = await stage.world.call('GET', `${ofApp}?${query.toString()}`, { token });
    expect(response.json()).toMatchObject({ events: [] });
  });

  it.each(refused)('%s', async (_, url, token, query, outcome) => {
    expect(problem(await read(url(), token(), query))).toBe(outcome);
  });

  it('a list without a page size', async () => {
    const response = await world.call('GET', ofApp, { token: world.admin.token });
    expect(faults(response)).toHaveProperty('/query/pageSize');
  });
});

it('an event has the names of the actor, the action, the target and the place', async () => {
  const requestId = await change(stage.owner.token, { name: 'Renamed', metadata: { plan: 'secret plan' } });
  const [newest] = await events(ofOrganization(), stage.owner.token);
  expect(newest).toEqual({
    id: expect.stringMatching(/^\d{18}$/),
    time: app.clock.now().toISOString(),
    action: 'organization.updated',
    actor: { kind: 'user', id: stage.owner.userId },
    orgId: stage.orgId,
    target: { kind: 'organization', id: stage.orgId },
    ip: '127.0.0.1',
    userAgent: 'a browser',
    requestId,
    changes: ['name', 'metadata.plan'],
  });
});

it('the events of the app include all organizations, and nothing of another app', async () => {
  const elsewhere = await createWorld(app);
  const found = (await pages(ofApp, world.admin.token, { pageSize: '100' })).flat();
  const [counted] = await app.db.query<{ count: string }>(sql`
    SELECT count(*) FROM audit_events WHERE app_id = ${world.appId}`);
  expect(found).toHaveLength(Number(counted?.count));
  const changes = found.filter(({ action }) => !action.endsWith('denied'));
  expect(new Set(changes.map(({ orgId }) => orgId))).toEqual(new Set([undefined, stage.orgId, stage.neighbourOrgId]));
  expect(problem(await read(ofApp, elsewhere.admin.token))).toBe('401 unauthenticated');
  const theirs = await elsewhere.call('GET', `${ofApp}?pageSize=100`, { token: elsewhere.admin.token });
  const ours = new Set(found.map(({ id }) => id));
  expect(theirs.json<Page>().events.filter(({ id }) => ours.has(id))).toEqual([]);
});

describe('paging', () => {
  it('brings every event once, newest first, also under concurrent writes', async () => {
    const before = (await pages(ofOrganization(), world.admin.token, { pageSize: '100' })).flat();
    const { metadata, events: first } = await page(ofOrganization(), world.admin.token, { pageSize: '2' });
    await change(stage.owner.token);
    const found = [...first];
    for (let cursor = metadata.nextCursor; cursor !== undefined;) {
      const next = await page(ofOrganization(), world.admin.token, { pageSize: '2', cursor });
      found.push(...next.events);
      cursor = next.metadata.nextCursor;
    }
    expect(found).toEqual(before);
    const times = found.map(({ time, id }) => [time, id] as const);
    expect(times).toEqual(times.toSorted(([a, i], [b, j]) => b.localeCompare(a) || Number(BigInt(j) - BigInt(i))));
  });

  it('paging distinguishes events of the same time', async () => {
    const person = await world.person();
    for (let count = 0; count < 5; count += 1) await world.signIn(person.email);
    const found = await pages(ofApp, world.admin.token, { pageSize: '2', actorId: person.userId });
    expect(found.map(({ length }) => length)).toEqual([2, 2, 2, 1]);
    expect(new Set(found.flat().map(({ id }) => id)).size).toBe(7);
  });

  it('has no cursor on the last page, even if that page is full', async () => {
    const person = await world.person({ verified: false });
    const found = await page(ofApp, world.admin.token, { pageSize: '1', actorId: person.userId });
    expect(found).toMatchObject({ metadata: {}, events: [{ action: 'user.signed_up' }] });
    expect(found.metadata).toEqual({});
  });

  it('continues only with the filters, the organization and the list of its first page', async () => {
    const { nextCursor: cursor = '' } = (await page(ofOrganization(), world.admin.token, { pageSize: '1' })).metadata;
    const others: [string, Record<string, string>][] = [
      [ofApp, { cursor }],
      [ofOrganization(stage.neighbourOrgId), { cursor }],
      [ofOrganization(), { cursor, action: 'organization.updated' }],
      [ofOrganization(), { cursor, actorId: stage.owner.userId }],
      [ofOrganization(), { cursor, from: '2026-01-01T00:00:00Z' }],
    ];
    for (const [url, query] of others) {
      expect(faults(await read(url, world.admin.token, query))).toEqual({
        '/query/cursor': 'Not a cursor of this list.',
      });
    }
  });
});

describe('filters', () => {
  it('filters by action, actor and time work alone and together', async () => {
    const all = (await pages(ofApp, world.admin.token, { pageSize: '100' })).flat();
    const middle = all[Math.floor(all.length / 2)]?.time ?? '';
    const filters: Record<string, (event: Event) => boolean> = {
      action: ({ action }) => action === 'organization.updated',
      actorId: ({ actor }) => actor.id === stage.owner.userId,
      from: ({ time }) => time >= middle,
      to: ({ time }) => time < middle,
    };
    const values: Record<string, string> = {
      action: 'organization.updated',
      actorId: stage.owner.userId,
      from: middle,
      to: middle,
    };
    const names = Object.keys(filters);
    for (let bits = 0; bits < 2 ** names.length; bits += 1) {
      const chosen = names.filter((_, index) => (bits & (2 ** index)) !== 0);
      const query = Object.fromEntries(chosen.map((name) => [name, values[name] ?? '']));
      const expected = all.filter((event) => chosen.every((name) => filters[name]?.(event)));
      const found = (await pages(ofApp, world.admin.token, { ...query, pageSize: '3' })).flat();
      expect({ chosen, found }).toEqual({ chosen, found: expected });
      const inOrganization = (await pages(ofOrganization(), world.admin.token, { ...query, pageSize: '3' })).flat();
      expect({ chosen, inOrganization }).toEqual({
        chosen,
        inOrganization: expected.filter(({ orgId }) => orgId === stage.orgId),
      });
    }
  });

  it('`from` includes its time, `to` does not; any offset is accepted', async () => {
    const requestId = await change(stage.owner.token);
    const inIndia = new Date(app.clock.now().getTime() + 330 * 60_000).toISOString();
    const from = inIndia.replace('Z', '+05:30');
    expect(byRequest(await events(ofApp, world.admin.token, { from }), requestId)).toBeDefined();
    expect(byRequest(await events(ofApp, world.admin.token, { to: from }), requestId)).toBeUndefined();
  });

  it('find nothing for an action that never happened and for an unknown actor', async () => {
    expect(await events(ofApp, world.admin.token, { action: 'nothing.happened' })).toEqual([]);
    expect(await events(ofApp, world.admin.token, { actorId: '1' })).toEqual([]);
  });
});

describe('audit events of an owner', () => {
  const outsider = { kind: expect.any(String) as string };

  it('people of the organization are named', async () => {
    const requestId = await change(stage.manager.token);
    const event = byRequest(await events(ofOrganization(), stage.owner.token), requestId);
    expect(event).toMatchObject({ actor: { kind: 'user', id: stage.manager.userId }, ip: '127.0.0.1' });
  });

  const outsiders: [string, () => Promise<{ token: string; id: string }>, string][] = [
    ['a super admin', () => Promise.resolve({ token: world.admin.token, id: world.admin.userId }), 'user'],
    [
      'a machine user',
      () => Promise.resolve({ token: stage.machine.token, id: stage.machine.machineUserId }),
      'machine',
    ],
    [
      'somebody who has left',
      async () => {
        const { token, userId } = await world.manager(stage.orgId);
        return { token, id: userId };
      },
      'user',
    ],
  ];
  it.each(outsiders)('%s is shown as a kind, without address and agent', async (_, make, kind) => {
    const { token, id } = await make();
    const requestId = await change(token);
    await app.db.query(sql`DELETE FROM members WHERE app_id = ${world.appId} AND user_id = ${id}`);
    const event = byRequest(await events(ofOrganization(), stage.owner.token), requestId);
    expect(event).toMatchObject({ actor: outsider, action: 'organization.updated', changes: ['metadata.plan'] });
    expect(event?.actor).toEqual({ kind });
    expect(Object.keys(event ?? {})).not.toEqual(expect.arrayContaining(['ip']));
    expect(Object.keys(event ?? {})).not.toEqual(expect.arrayContaining(['userAgent']));
    expect(byRequest(await events(ofOrganization(), world.admin.token), requestId)?.actor).toEqual({ kind, id });
  });

  it('somebody who is a member elsewhere is a kind too', async () => {
    app.clock.advance(60_000);
    const { token, userId } = stage.neighbour;
    await world.call('PATCH', `/v1/authorization/organizations/${stage.orgId}`, { token, body: { name: 'Taken' } });
    const query = { action: 'access.denied', pageSize: '1' };
    expect((await events(ofOrganization(), stage.owner.token, query))[0]?.actor).toEqual({ kind: 'user' });
    expect((await events(ofOrganization(), world.admin.token, query))[0]?.actor).toEqual({ kind: 'user', id: userId });
    expect(await events(ofOrganization(), stage.owner.token, { ...query, actorId: userId })).toEqual([]);
  });

  it('a filter by an actor outside the organization returns no event, so that the id stays unknown', async () => {
    await change(world.admin.token);
    const actorId = world.admin.userId;
    expect(await page(ofOrganization(), stage.owner.token, { actorId })).toEqual({ metadata: {}, events: [] });
    expect(await events(ofOrganization(), world.admin.token, { actorId })).not.toEqual([]);
  });

  it('a super admin who belongs to the organization is one of its people', async () => {
    const body = { email: world.admin.email, firstName: 'Jon', lastName: 'Doe' };
    const url = `/v1/authorization/organizations/${stage.orgId}/owners`;
    await world.call('POST', url, { token: world.admin.token, body });
    const requestId = await change(world.admin.token);
    const event = byRequest(await events(ofOrganization(), stage.owner.token), requestId);
    expect(event?.actor).toEqual({ kind: 'user', id: world.admin.userId });
    await app.db.query(sql`DELETE FROM members WHERE org_id = ${stage.orgId} AND user_id = ${world.admin.userId}`);
  });

  it('an event names the user for whom a machine claims to act only if the organization has the user', async () => {
    const grant = async (userId: string) => {
      const { email } = await world.person();
      const body = { email, firstName: 'Jon', lastName: 'Doe', role: 'reader', userId };
      const url = `/v1/authorization/organizations/${stage.orgId}/members`;
      expect((await world.call('POST', url, { token: stage.machine.token, body })).statusCode).toBe(201);
      return [await events(ofOrganization(), stage.owner.token), await events(ofOrganization(), world.admin.token)].map(
        ([newest]) => newest,
      );
    };
    const [ours, full] = await grant(stage.member.userId);
    expect(ours).toMatchObject({ actor: { kind: 'machine' }, claimedOnBehalfOf: stage.member.userId });
    expect(full).toMatchObject({ claimedOnBehalfOf: stage.member.userId });
    const [hidden, shown] = await grant(stage.stranger.userId);
    expect(hidden).not.toHaveProperty('claimedOnBehalfOf');
    expect(shown).toMatchObject({ claimedOnBehalfOf: stage.stranger.userId });
  });

  it('attempts of strangers on a code have no address: it would reveal which addresses have an account', async () => {
    const tryCode = async (email: string) => {
      app.clock.advance(60_000);
      const body = { orgId: stage.orgId, email, verificationCode: 'AAAAAAA', newPassword: password };
      await world.call('PUT', '/v1/authentication/users/invite', { body });
      const [event] = await events(ofOrganization(), stage.owner.token, { action: 'code.failed' });
      return event;
    };
    const [known, unknown] = [await tryCode(stage.stranger.email), await tryCode('nobody@example.com')];
    for (const event of [known, unknown]) {
      expect(event?.target).toEqual({ kind: 'user', id: null });
      expect(event?.actor).toEqual({ kind: 'anonymous' });
      expect(event).not.toHaveProperty('ip');
    }
    const [last] = await events(ofOrganization(), world.admin.token, { action: 'code.failed', pageSize: '2' });
    expect(last).toMatchObject({ actor: { kind: 'anonymous', id: null }, ip: '127.0.0.1' });
    expect((await tryCode(stage.member.email))?.target).toEqual({ kind: 'user', id: stage.member.userId });
  });

  it('the event of a refusal has members by name and strangers by kind', async () => {
    app.clock.advance(60_000);
    for (const { token } of [stage.member, stage.stranger]) {
      await world.call('PATCH', `/v1/authorization/organizations/${stage.orgId}`, { token, body: { name: 'Taken' } });
    }
    const [stranger, member] = await events(ofOrganization(), stage.owner.token, { action: 'access.denied' });
    expect(stranger).toMatchObject({ target: { kind: 'organization', id: stage.orgId } });
    expect(stranger?.actor).toEqual({ kind: 'user' });
    expect(member?.actor).toEqual({ kind: 'user', id: stage.member.userId });
  });
});

describe('security events', () => {
  const causes: [string, () => Promise<unknown>][] = [
    [
      'sign_in.failed',
      () => {
        const body = { email: stage.member.email, password: 'Wrong@password-of-nobody' };
        return world.call('POST', '/v1/authentication/users/sessions', { body });
      },
    ],
    [
      'code.failed',
      async () => {
        const person = await world.person({ verified: false });
        const body = { userId: person.userId, verificationCode: 'AAAAAAA' };
        const url = '/v1/authentication/users/email/verification';
        await world.call('POST', url, { token: person.token, body });
      },
    ],
    [
      'client_secret.failed',
      () => {
        const body = { clientId: stage.machine.machineUserId, clientSecret: 'wrong' };
        return world.call('POST', '/v1/authentication/machine-users/access-token', { body });
      },
    ],
    ['access.denied', () => read(ofApp, stage.owner.token)],
  ];
  it.each(causes)('%s is among the events of the app', async (action, cause) => {
    app.clock.advance(60_000);
    const from = app.clock.now().toISOString();
    await cause();
    expect(await events(ofApp, stage.machine.token, { action, from })).toMatchObject([{ action, changes: [] }]);
  });
});

describe('audit events of a deleted organization', () => {
  let owner: Person;
  let orgId: string;
  beforeAll(async () => {
    owner = await world.person();
    orgId = await world.organization(owner);
    await addTo({ world, orgId }, stage.member.userId, 'reader');
    await change(owner.token, { metadata: { plan: 'pro' } }, orgId);
    await world.reauthenticate();
    await world.call('DELETE', `/v1/authorization/organizations/${orgId}`, { token: world.admin.token });
  });

  it('super admins and machines still read the events', async () => {
    const wanted = ['organization.deleted', 'organization.updated', 'member.roles_added', 'organization.created'];
    for (const token of [world.admin.token, stage.machine.token]) {
      const found = await events(ofOrganization(orgId), token);
      expect(found.map(({ action }) => action)).toEqual(wanted);
      expect(found[1]?.actor).toEqual({ kind: 'user', id: owner.userId });
      const ofAll = await events(ofApp, token, { action: 'organization.deleted' });
      expect(ofAll[0]).toMatchObject({ orgId });
    }
  });

  it('its members find nothing, and another app finds nothing', async () => {
    for (const { token } of [owner, stage.member]) {
      expect(problem(await read(ofOrganization(orgId), token))).toBe('404 organization_not_found');
    }
    const elsewhere = await createWorld(app);
    const url = `${ofOrganization(orgId)}?pageSize=1`;
    const response = await elsewhere.call('GET', url, { token: elsewhere.admin.token });
    expect(problem(response)).toBe('404 organization_not_found');
  });

  it('is distinguished from an unknown one', async () => {
    for (const token of [world.admin.token, stage.machine.token]) {
      expect(problem(await read(ofOrganization('1'), token))).toBe('404 organization_not_found');
    }
  });
});

it('the app reads the events of a deactivated organization, its people do not', async () => {
  const owner = await world.person();
  const orgId = await world.organization(owner);
  await world.call('POST', `/v1/authorization/organizations/${orgId}/deactivate`, { token: world.admin.token });
  expect(problem(await read(ofOrganization(orgId), owner.token))).toBe('403 organization_inactive');
  expect((await events(ofOrganization(orgId), stage.machine.token))[0]).toMatchObject({
    action: 'organization.deactivated',
    changes: ['status'],
  });
});
