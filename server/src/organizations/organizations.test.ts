import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, type World } from '../test/world.ts';

let app: TestApp;
let world: World;
let owner: Person;
let orgId: string;
let url: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner);
  url = `/v1/authorization/organizations/${orgId}`;
});
afterAll(() => app?.close());

const body = { metadata: { key1: 'value1' } };

async function storedMetadata(): Promise<Record<string, string>> {
  const response = await world.call('GET', `${url}?includeMetadata=true`, { token: owner.token });
  return response.json<{ metadata: Record<string, string> }>().metadata;
}

describe('who may update an organization', () => {
  test('a stranger and another organization’s owner do not even see it', async () => {
    const stranger = await world.person();
    const neighbour = await world.person();
    await world.organization(neighbour);
    for (const { token } of [stranger, neighbour]) {
      const response = await world.call('PATCH', url, { token, body });
      expect(response.statusCode).toBe(404);
      expect(response.json()).toMatchObject({ code: 'organization_not_found' });
    }
  });

  test('a plain member sees it and may not', async () => {
    const member = await world.member(orgId);
    const response = await world.call('PATCH', url, { token: member.token, body });
    expect(response.statusCode).toBe(403);
    expect(await storedMetadata()).toEqual({});
  });

  test('owner, manager, machine user and super admin may', async () => {
    const manager = await world.manager(orgId);
    const machine = await world.machine();
    for (const [index, { token }] of [owner, manager, machine, world.admin].entries()) {
      const response = await world.call('PATCH', url, { token, body: { metadata: { [`key${index}`]: 'value1' } } });
      expect(response.json()).toEqual({ message: 'Organization Data Updated' });
      expect(response.statusCode).toBe(200);
    }
    expect(Object.keys(await storedMetadata())).toEqual(['key0', 'key1', 'key2', 'key3']);
  });
});
