import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256 } from '../keys/secrets.ts';
import { findSessions } from '../sessions/sessions.store.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';
import { relationThroughOrganizations } from './relations.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
});
afterAll(() => app?.close());

/** The principals of a person for another person, through their organizations. */
async function heldOver({ token }: Person, { userId }: Person): Promise<readonly string[] | undefined> {
  const { appId } = world;
  const now = app.clock.now();
  const [found] = await findSessions(app.db, [{ appId, tokenHash: sha256(token) }], now);
  if (!found) throw new Error('no session');
  return (await relationThroughOrganizations(app.db, { kind: 'user', ...found }, appId, userId, now))?.held;
}

test('owners, managers and members of an organization have different relations to its members', async () => {
  const owner = await world.person();
  const orgId = await world.organization(owner);
  const [manager, member] = [await world.manager(orgId), await world.member(orgId)];
  expect(await heldOver(owner, member)).toEqual(['ORG_OWNER', 'ORG_USER_MANAGER']);
  expect(await heldOver(manager, member)).toEqual(['ORG_USER_MANAGER']);
  expect(await heldOver(member, manager)).toBeUndefined();
  expect(await heldOver(owner, await world.person())).toBeUndefined();
});
