import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { enrol } from '../test/world/factors.ts';
import { addPasskey, setRelyingParty } from '../test/world/passkeys.ts';
import { proveFactor, weakSession } from '../test/world/policies.ts';
import { createWorld, password, type Person, problem, type World } from '../test/world/world.ts';

// Which factor a person must have used recently to request a change of their own address.

const newEmail = 'new@example.com';

let db: UndoableDb;
let app: TestApp;
let world: World;

beforeAll(async () => {
  db = await openTestDatabase();
  app = await buildTestApp({ db });
  world = await createWorld(app);
  await setRelyingParty(world);
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => app?.close());

const request = ({ token }: Person) =>
  world.call('POST', '/v1/authentication/users/me/email', { token, body: { newEmail, currentPassword: password } });

async function expectRefused(session: Person, answer: string, acr: 2 | 3): Promise<void> {
  const before = (await world.mails(session.email)).length;
  const refused = await request(session);
  expect(problem(refused)).toBe(answer);
  expect(refused.headers['www-authenticate']).toContain(`acr_values="urn:gatehouse:acr:${acr}"`);
  expect(await world.mails(newEmail)).toEqual([]);
  expect(await world.mails(session.email)).toHaveLength(before);
}

describe('a change of the address needs the strongest factor of the person:', () => {
  it('the password alone is not enough: an authenticator app is needed within ten minutes', async () => {
    const person = await world.person();
    const factor = await enrol(world, person);
    await expectRefused(await weakSession(world, person), '401 step_up_required', 2);
    app.clock.advance(11 * 60_000);
    await expectRefused(person, '401 reauthentication_required', 2);
    await world.reauthenticate(person);
    await expectRefused(person, '401 step_up_required', 2);
    await proveFactor(world, person, factor);
    expect((await request(person)).statusCode).toBe(200);
  });

  it('a passkey, also of people who have used an authenticator app', async () => {
    const person = await world.person();
    const factor = await enrol(world, person);
    await addPasskey(world, person);
    await app.db.query(sql`UPDATE sessions SET strong_factor_at = NULL WHERE user_id = ${person.userId}`);
    await proveFactor(world, person, factor);
    await expectRefused(person, '401 step_up_required', 3);
    await app.db.query(sql`
      UPDATE sessions SET strong_factor_at = ${app.clock.now()} WHERE user_id = ${person.userId}`);
    expect((await request(person)).statusCode).toBe(200);
  });
});
