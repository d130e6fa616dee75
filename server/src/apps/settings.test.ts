import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, faults, problem, type World } from '../test/world/world.ts';
import { defaultSettings } from './apps.schema.ts';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
});
beforeEach(async () => {
  world = await createWorld(app, { settings: { redirectUrls: [] } });
});
afterAll(() => app?.close());

const url = '/v1/authorization/apps/settings';
const get = async () => (await world.call('GET', url, { token: world.admin.token })).json<Record<string, unknown>>();
const patch = (body: object) => world.call('PATCH', url, { token: world.admin.token, body });

describe('a change of settings is refused', () => {
  test.each<[what: string, body: object, pointer: string]>([
    ['with an unknown setting', { colour: 'red' }, '/body/colour'],
    ['with an unknown limit', { limits: { signInsPerMoon: 3 } }, '/body/limits/signInsPerMoon'],
    [
      'with something that is no origin',
      { allowedOrigins: ['https://app.example.com/path'] },
      '/body/allowedOrigins/0',
    ],
    ['with a logo that is not https', { mail: { logoUrl: 'http://a.example/l.png' } }, '/body/mail/logoUrl'],
    ['with a number out of range', { sessionLifeSeconds: 59 }, '/body/sessionLifeSeconds'],
    ['with what the operator alone may change', { status: 'INACTIVE' }, '/body/status'],
  ])('%s, and nothing changes', async (_, body, pointer) => {
    const before = await get();
    const answer = await patch({ signUpEnabled: false, ...body });
    expect(problem(answer)).toBe('400 validation_failed');
    expect(Object.keys(faults(answer))).toEqual([pointer]);
    expect(await get()).toEqual(before);
  });

  test('a default template that leads elsewhere than the app allows is refused', async () => {
    expect(problem(await patch({ resetUrl: 'https://evil.example/reset' }))).toBe('400 redirect_url_not_allowed');
    const allowed = {
      redirectUrls: ['https://app.example.com'],
      resetUrl: 'https://app.example.com/reset?code={{code}}',
    };
    expect((await patch(allowed)).statusCode).toBe(200);
    expect(problem(await patch({ redirectUrls: [] }))).toBe('400 redirect_url_not_allowed');
  });
});

describe('settings', () => {
  test('are all there, defaults included', async () => {
    const { limits, ...others } = await get();
    const { limits: defaults, ...expected } = defaultSettings;
    expect(others).toEqual(expected);
    expect(Object.keys(limits as object)).toEqual(Object.keys(defaults));
  });

  test('are merged, also in groups, and recorded by name', async () => {
    await patch({ mail: { brandName: 'Acme', color: '#1f6feb' }, limits: { invitationsPerDay: 7 } });
    const answer = await patch({ mail: { color: '#000000' }, sessionIdleSeconds: 600 });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual(await get());
    expect(await get()).toMatchObject({
      mail: { brandName: 'Acme', color: '#000000' },
      limits: { invitationsPerDay: 7 },
      sessionIdleSeconds: 600,
      signUpEnabled: true,
    });
    expect((await world.events()).at(-1)).toMatchObject({
      action: 'app.settings_updated',
      changes: ['settings.sessionIdleSeconds', 'settings.mail'],
    });
  });

  test('concurrent changes of two settings are both kept', async () => {
    await Promise.all([
      patch({ sessionIdleSeconds: 600 }),
      patch({ language: 'ar' }),
      patch({ managersMayGrantAnyRole: false }),
    ]);
    expect(await get()).toMatchObject({ sessionIdleSeconds: 600, language: 'ar', managersMayGrantAnyRole: false });
  });

  describe('that protect the sign-in', () => {
    test.each<[names: string, body: object]>([
      ['mfa', { mfa: { policy: 'off' } }],
      ['stepUp', { stepUp: true }],
      ['stepUpOperations', { stepUpOperations: [] }],
      ['signInMethods', { signInMethods: ['password'] }],
      ['trustedBackends', { trustedBackends: ['10.0.0.0/8'] }],
      ['limits.secondFactorsPerUserPerHour', { limits: { secondFactorsPerUserPerHour: 99 } }],
      ['mfa, stepUp', { mfa: { graceDays: 3 }, stepUp: true, language: 'ar' }],
    ])('all super admins are told of a change of %s', async (names, body) => {
      const other = await world.person();
      await world.call('POST', '/v1/authorization/super-admins', {
        token: world.admin.token,
        body: { email: other.email },
      });
      expect((await patch(body)).statusCode).toBe(200);
      for (const { email } of [world.admin, other]) {
        const mail = await world.mail(email);
        expect(mail.purpose).toBe('security_settings_changed');
        expect(mail.text).toContain(names);
        expect(mail.text).toContain(world.admin.email);
      }
    });

    test('cause no mail if they stay, or if only others change', async () => {
      const before = (await world.mails(world.admin.email)).length;
      const { stepUp, stepUpOperations, signInMethods, mfa } = defaultSettings;
      await patch({ stepUp, stepUpOperations, signInMethods, mfa, language: 'ar', limits: { invitationsPerDay: 7 } });
      expect(await world.mails(world.admin.email)).toHaveLength(before);
    });
  });

  test('are in force from the next request on', async () => {
    const signUp = () =>
      world.call('POST', '/v1/authentication/users', {
        body: { firstName: 'Jon', lastName: 'Doe', email: 'jon@example.com', password: 'Password@123JonDoeInc' },
      });
    await patch({ signUpEnabled: false });
    expect(problem(await signUp())).toBe('403 sign_up_disabled');
    await patch({ signUpEnabled: true });
    expect((await signUp()).statusCode).toBe(201);
  });
});
