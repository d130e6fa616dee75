import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { isForMachinesOnly } from '../access/access.ts';
import { sql } from '../db/db.ts';
import { routes } from '../routes.ts';
import { openTestDatabase } from './database.ts';
import { digestOfEverything } from './digest.ts';
import { outcomeOf, perform } from './samples/sample.ts';
import { samples } from './samples/samples.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld } from './world/world.ts';

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

describe('a restricted session is refused by every operation that does not accept it:', () => {
  const accepted = {
    enrolment: [
      'addMyPasskey',
      'addMyTotpFactor',
      'confirmMyFactor',
      'createMyPasskeyOptions',
      'createReauthenticationPasskeyOptions',
      'listMyFactors',
      'reauthenticate',
      'removeMyFactor',
      'requestEmailVerification',
      'requestReauthentication',
      'signOut',
      'verifyEmail',
    ],
    recovery: [
      'addMyPasskey',
      'addMyTotpFactor',
      'confirmMyFactor',
      'createMyPasskeyOptions',
      'listMyFactors',
      'removeMyFactor',
      'signOut',
    ],
  } as const;
  it.each(['enrolment', 'recovery'] as const)('%s is accepted by these', (restriction) => {
    const accepting = routes.filter(({ forRestrictedSessions }) => forRestrictedSessions?.includes(restriction));
    expect(accepting.map(({ operationId }) => operationId).toSorted()).toEqual(accepted[restriction]);
  });

  const refusing = routes.filter(
    (route) =>
      ('principals' in route.access && !isForMachinesOnly(route.access)) ||
      (route.access.target === 'public' && route.access.acceptsSession),
  );

  it.each(
    refusing.flatMap((route) =>
      (['enrolment', 'recovery'] as const)
        .filter((restriction) => !route.forRestrictedSessions?.includes(restriction))
        .map((restriction) => [route.operationId, restriction, route] as const),
    ),
  )('%s refuses %s', async (operationId, restriction, route) => {
    const [sample] = samples[operationId] ?? [];
    if (!sample) throw new Error(`there is no sample of ${operationId}`);
    const prepared = await sample.prepare(stage);
    const { token } = stage.owner;
    await app.db.query(sql`
      UPDATE sessions SET restriction = ${restriction}
      WHERE app_id = ${stage.world.appId} AND user_id = ${stage.owner.userId}`);
    const before = await digestOfEverything(app.db);
    const response = await perform(stage.world, route, prepared, { token });
    expect(outcomeOf(response)).toBe('mfa_enrolment_required');
    expect(await digestOfEverything(app.db)).toEqual(before);
  });

  it.each(['enrolment', 'recovery'] as const)(
    '%s ends itself, and no other session of the person',
    async (restriction) => {
      const { world, owner } = stage;
      const other = await world.signIn(owner.email);
      await app.db.query(sql`
      UPDATE sessions SET restriction = ${restriction} WHERE app_id = ${world.appId} AND id = ${owner.sessionId}`);
      const end = (id: string) =>
        world.call('DELETE', `/v1/authentication/users/sessions/${id}`, { token: owner.token });
      const before = await digestOfEverything(app.db);
      expect(outcomeOf(await end(other.sessionId))).toBe('mfa_enrolment_required');
      expect(await digestOfEverything(app.db)).toEqual(before);
      expect((await end(owner.sessionId)).statusCode).toBe(204);
    },
  );
});
