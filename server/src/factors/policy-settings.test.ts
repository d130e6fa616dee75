import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { enrol, nextCode, setPolicy, signInWith } from '../test/world/factors.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';

const reauthentication = '/v1/authentication/users/me/reauthentication';
const settingsUrl = '/v1/authorization/apps/settings';

let test: TestApp;
let world: World;

beforeAll(async () => {
  test = await buildTestApp();
});
afterAll(() => test?.close());
beforeEach(async () => {
  world = await createWorld(test);
});

const change = (body: object) => world.call('PATCH', settingsUrl, { token: world.admin.token, body });
const tenMinutes = () => test.clock.advance(600_001);

describe('a change of the policy of an app', () => {
  it('needs a second factor in the session to require one from everybody, or to end that', async () => {
    const to = (policy: string) => change({ mfa: { policy } });
    expect(problem(await to('required'))).toBe('409 policy_locks_you_out');
    expect((await to('off')).statusCode).toBe(200);
    await setPolicy(world, 'required');
    expect(problem(await to('optional'))).toBe('401 step_up_required');
    await setPolicy(world, 'optional');
    const factor = await enrol(world, world.admin);
    for (const policy of ['required', 'optional', 'required']) expect((await to(policy)).statusCode).toBe(200);
    await signInWith(world, world.admin, factor);
  });

  it('needs a recent authentication to change the policy', async () => {
    tenMinutes();
    expect(problem(await change({ mfa: { policy: 'off' } }))).toBe('401 reauthentication_required');
    expect((await change({ mfa: { policy: 'optional' } })).statusCode).toBe(200);
  });

  it('needs a recent factor of a super admin who has one, also to turn factors on again', async () => {
    const factor = await enrol(world, world.admin);
    await setPolicy(world, 'off');
    tenMinutes();
    await world.reauthenticate();
    const turnOn = () => change({ mfa: { policy: 'optional' } });
    expect(problem(await turnOn())).toBe('401 step_up_required');
    const proof = { factorId: factor.id, code: nextCode(world, factor) };
    expect((await world.call('POST', reauthentication, { token: world.admin.token, body: proof })).statusCode).toBe(
      200,
    );
    expect((await turnOn()).statusCode).toBe(200);
  });
});
