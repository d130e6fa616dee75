import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { goThrough, newVerifier, redeem, registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { inviteTo } from '../test/samples/users.ts';
import { runTask } from '../test/tasks.ts';
import { sendSignInCodes } from '../passwordless/send-sign-in-codes.ts';
import { createStage } from '../test/samples/stage.ts';
import { requestCode, sentCode, signInByCode } from '../test/world/sign-in-codes.ts';
import { createWorld, faults, password, type Person, problem, type World } from '../test/world/world.ts';

const users = '/v1/authentication/users';
const settingsUrl = '/v1/authorization/apps/settings';
const metadataUrl = '/v1/authentication/apps/metadata';
const all = ['password', 'emailCode', 'provider'] as const;
type Method = (typeof all)[number];
const browser = { ip: '192.0.2.7' };

let app: TestApp;
let provider: TestProvider;
let world: World;
let person: Person;
let idpId: string;

beforeAll(async () => {
  app = await buildTestApp();
  provider = await TestProvider.start();
  provider.now = () => app.clock.now();
});
afterAll(async () => {
  await provider?.stop();
  await app?.close();
});
beforeEach(async () => {
  world = await createWorld(app);
  idpId = await registerProvider(world, provider);
  person = await world.person();
});

const patch = (body: object, token = world.admin.token) => world.call('PATCH', settingsUrl, { token, body });
const allow = async (...signInMethods: readonly Method[]) => {
  await world.reauthenticate();
  expect((await patch({ signInMethods })).statusCode).toBe(200);
};

const comeBack = async (options: Readonly<Record<string, unknown>> = {}) => {
  provider.person = { sub: person.userId, email: person.email, email_verified: true };
  return goThrough(world, provider, idpId, options);
};

/** Each sign-in method, with correct credentials. */
const ways: Readonly<Record<Method, () => Promise<string>>> = {
  password: async () =>
    outcome(await world.call('POST', `${users}/sessions`, { body: { email: person.email, password } })),
  emailCode: async () => {
    const requested = await requestCode(world, person.email, browser);
    if (requested.statusCode !== 200) return outcome(requested);
    const { code } = await sentCode(world, person.email, browser);
    return outcome(await signInByCode(world, person.email, code, browser));
  },
  provider: async () => outcome(await redeem(world, await comeBack())),
};
const outcome = (response: Awaited<ReturnType<World['call']>>): string =>
  response.statusCode < 300 ? 'signed in' : problem(response);

it('are in the metadata; a mailed code is included only if the app allows it', async () => {
  const told = async () => (await world.call('GET', metadataUrl)).json<{ signInMethods: string[] }>().signInMethods;
  expect(await told()).toEqual(['password', 'provider']);
  expect(await ways.emailCode()).toBe('403 sign_in_method_disabled');
  await allow('emailCode');
  expect(await told()).toEqual(['emailCode']);
});

describe.each(all)('an app that allows only %s', (allowed) => {
  test.each(all)('%s', async (method) => {
    await allow(allowed);
    expect(await ways[method]()).toBe(method === allowed ? 'signed in' : '403 sign_in_method_disabled');
  });
});

describe('a disabled method', () => {
  it('is refused in the same way for every address, even with the correct secret', async () => {
    await allow('provider');
    const bodies = [person.email, 'nobody@example.com'].flatMap((email) => [
      { email, password },
      { email, password: 'Wrong@123JonDoeInc' },
      { email, verificationCode: 'AAAAAAA' },
      { email, verificationCode: 'A'.repeat(26) },
    ]);
    const answers = await Promise.all(bodies.map((body) => world.call('POST', `${users}/sessions`, { body })));
    expect(answers.map(problem)).toEqual(bodies.map(() => '403 sign_in_method_disabled'));
  });

  it('does not void a code that was mailed before: it works when the method is allowed again', async () => {
    await allow(...all);
    const { code } = await sentCode(world, person.email, browser);
    await allow('password');
    expect(problem(await signInByCode(world, person.email, code, browser))).toBe('403 sign_in_method_disabled');
    await allow('emailCode');
    expect((await signInByCode(world, person.email, code, browser)).statusCode).toBe(201);
  });

  it('may still set a password, confirm a change, accept an invitation and link a provider', async () => {
    await allow('emailCode');
    const { token, userId } = person;
    const confirmed = { currentPassword: password };
    expect((await world.call('POST', `${users}/me/reauthentication`, { token, body: confirmed })).statusCode).toBe(200);
    const changed = { currentPassword: password, newPassword: 'Secret@slidezAB' };
    expect((await world.call('PUT', `${users}/${userId}/password`, { token, body: changed })).statusCode).toBe(200);
    const { codeChallenge, codeVerifier } = newVerifier();
    const linked = await redeem(world, await comeBack({ codeChallenge }), { token, codeVerifier });
    expect(linked.statusCode).toBe(200);
    const stage = await createStage(world);
    const email = `invited-${userId}@example.com`;
    const { code: verificationCode } = await inviteTo(stage, email);
    const body = { orgId: stage.orgId, email, verificationCode, newPassword: password };
    expect((await world.call('PUT', `${users}/invite`, { body })).statusCode).toBe(200);
  });
});

describe('the setting', () => {
  test.each<[what: string, value: unknown, pointer: string]>([
    ['nothing', [], '/body/signInMethods'],
    ['an unknown method', ['password', 'carrier-pigeon'], '/body/signInMethods/1'],
    ['a method twice', ['password', 'password'], '/body/signInMethods'],
    ['null', null, '/body/signInMethods'],
  ])('refuses %s', async (_, signInMethods, pointer) => {
    const response = await patch({ signInMethods });
    expect([problem(response), Object.keys(faults(response))]).toEqual(['400 validation_failed', [pointer]]);
  });

  it('needs fresh authentication to change, in either direction, and not to stay', async () => {
    await allow('password', 'emailCode');
    app.clock.advance(11 * 60_000);
    for (const signInMethods of [['password'], all, ['emailCode', 'provider']]) {
      expect(problem(await patch({ signInMethods }))).toBe('401 reauthentication_required');
    }
    expect((await patch({ signInMethods: ['password', 'emailCode'] })).statusCode).toBe(200);
  });

  it('checks the default URL template of the link like the others', async () => {
    const refused = await patch({ signInUrl: 'https://evil.example/{{code}}' });
    expect(problem(refused)).toBe('400 redirect_url_not_allowed');
    expect((await patch({ signInUrl: 'https://app.example.com/in?code={{code}}' })).statusCode).toBe(200);
    await allow(...all);
    await requestCode(world, person.email, browser, {});
    await runTask(app, sendSignInCodes);
    expect((await world.mail(person.email)).url).toMatch(/^https:\/\/app\.example\.com\/in\?code=[A-Z2-9]{26}$/);
  });
});
