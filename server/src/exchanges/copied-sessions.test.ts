import { afterAll, aroundEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { copySession, productUrl } from '../test/world/exchanges.ts';
import { enrol, nextCode, type OwnFactor } from '../test/world/factors.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

let db: UndoableDb;
let test: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test, { settings: { redirectUrls: [productUrl] } });
  person = await world.person({ verified: true });
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

describe('attempts to guess the second factor', () => {
  let factor: OwnFactor;

  beforeEach(async () => {
    factor = await enrol(world, person);
    const body = { limits: { secondFactorsPerDevicePerHour: 2, secondFactorsPerUserPerHour: 1 } };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
  });

  const attempt = async (token: string, code: string) =>
    problem(
      await world.call('POST', '/v1/authentication/users/me/reauthentication', {
        token,
        body: { factorId: factor.id, code },
      }),
    );

  it('are shared by a session and all of its copies', async () => {
    const copy = await copySession(world, person.token);
    const copyOfCopy = await copySession(world, copy.sessionToken);
    const tokens = [copy.sessionToken, copyOfCopy.sessionToken, person.token];
    const answers = [];
    for (const token of tokens) answers.push(await attempt(token, '000000'));
    expect(answers).toEqual(['400 factor_invalid', '400 factor_invalid', '429 rate_limited']);
    const another = await copySession(world, copy.sessionToken);
    expect(await attempt(another.sessionToken, nextCode(world, factor))).toBe('429 rate_limited');
  });

  it('are refunded to all of them by a correct code', async () => {
    const copy = await copySession(world, person.token);
    expect(await attempt(copy.sessionToken, '000000')).toBe('400 factor_invalid');
    expect(await attempt(person.token, nextCode(world, factor))).toBe('200 undefined');
    expect(await attempt(copy.sessionToken, '000000')).toBe('400 factor_invalid');
    expect(await attempt(person.token, '000000')).toBe('400 factor_invalid');
    expect(await attempt(copy.sessionToken, '000000')).toBe('429 rate_limited');
  });
});
