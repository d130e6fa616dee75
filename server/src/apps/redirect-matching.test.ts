import type { LightMyRequestResponse } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { migrate, readMigrations } from '../db/migrate.ts';
import { openEmptyDatabase } from '../test/database.ts';
import { buildTestApp, masterKey, type TestApp } from '../test/setup.ts';
import { createWorld, type Machine, password, type Person, problem, type World } from '../test/world/world.ts';

const redirectUrls = [
  'https://bare.example.com',
  'https://app.example.com/verify',
  'https://app.example.com/join/{{code}}',
  'https://app.example.com/any?*',
  'https://app.example.com/listed?lang=en&code={{code}}',
  'https://app.example.com/spa#/verify/{{code}}',
  'https://root.example.com/',
  'https://app.example.com/exchange/x',
  'https://app.example.com/listed-next?next=/inbox&code={{code}}',
  'https://app.example.com/listed-x?x=1&code={{code}}',
  'https://app.example.com/spa-x#/box',
];

interface Stage {
  readonly world: World;
  readonly owner: Person;
  readonly manager: Person;
  readonly unverified: Person;
  readonly machine: Machine;
  readonly orgId: string;
  readonly idpId: string;
  /** A pending invitation, which can be sent again any number of times. */
  readonly invitationId: string;
}

let app: TestApp;
let exact: Stage;
let byOrigin: Stage;

async function openStage(settings: { redirectMatching?: 'origin' }): Promise<Stage> {
  const world = await createWorld(app, { settings: { redirectUrls, ...settings } });
  const owner = await world.person();
  const orgId = await world.organization(owner);
  const idp = await world.call('POST', '/v1/authorization/idps/google', {
    token: world.admin.token,
    body: { clientId: '1234567890-abc.apps.googleusercontent.com', clientSecret: 'a-secret-of-google' },
  });
  const invited = { firstName: 'Jon', lastName: 'Doe', email: `pending@${world.appName}.example`, role: 'reader' };
  const url = `/v1/authorization/organizations/${orgId}`;
  await world.call('POST', `${url}/members`, { token: owner.token, body: invited });
  const list = await world.call('GET', `${url}/invitations?pageSize=1`, { token: owner.token });
  return {
    world,
    owner,
    invitationId: list.json<{ invitations: { id: string }[] }>().invitations[0]?.id ?? '',
    orgId,
    manager: await world.manager(orgId),
    unverified: await world.person({ verified: false }),
    machine: await world.machine(),
    idpId: idp.json<{ id: string }>().id,
  };
}

beforeAll(async () => {
  app = await buildTestApp();
  exact = await openStage({});
  byOrigin = await openStage({ redirectMatching: 'origin' });
});
afterAll(() => app?.close());

let counter = 0;
const freshEmail = (): string => `invitee-${(counter += 1)}@example.com`;
const name = { firstName: 'Jon', lastName: 'Doe' };

type Ask = (stage: Stage, template: string) => Promise<LightMyRequestResponse>;

const signUp: Ask = ({ world }, verificationUrl) =>
  world.call('POST', '/v1/authentication/users', { body: { ...name, email: freshEmail(), password, verificationUrl } });
const requestVerification =
  (token: (stage: Stage) => string): Ask =>
  (stage, verificationUrl) =>
    stage.world.call('POST', '/v1/authentication/users/email/verification-request', {
      token: token(stage),
      body: { userId: stage.unverified.userId, verificationUrl },
    });
const requestReset: Ask = ({ world, owner }, resetUrl) =>
  world.call('POST', '/v1/authentication/users/password/reset-request/email', {
    body: { email: owner.email, resetUrl },
  });
const invite =
  (noun: string, token: (stage: Stage) => string): Ask =>
  (stage, inviteUrl) =>
    stage.world.call('POST', `/v1/authorization/organizations/${stage.orgId}/${noun}`, {
      token: token(stage),
      body: { ...name, email: freshEmail(), inviteUrl, ...(noun === 'members' && { role: 'reader' }) },
    });
const resend =
  (token: (stage: Stage) => string): Ask =>
  (stage, inviteUrl) =>
    stage.world.call(
      'POST',
      `/v1/authorization/organizations/${stage.orgId}/invitations/${stage.invitationId}/resend`,
      { token: token(stage), body: { inviteUrl } },
    );
const setUp: Ask = ({ world }, inviteUrl) => {
  const admin = { adminFirstName: 'Jon', adminLastName: 'Doe', adminEmail: freshEmail() };
  const body = { orgName: `Organization of ${admin.adminEmail}`, ...admin, inviteUrl };
  return world.call('POST', '/v1/authorization/organizations/setup', { token: world.admin.token, body });
};
const addSuperAdmin: Ask = ({ world }, resetUrl) =>
  world.call('POST', '/v1/authorization/super-admins', {
    token: world.admin.token,
    body: { email: freshEmail(), resetUrl },
  });
const createIntent =
  (setting: 'successUrl' | 'failureUrl', token?: (stage: Stage) => string): Ask =>
  (stage, url) => {
    const body = { idpId: stage.idpId, successUrl: fixedTarget, failureUrl: fixedTarget, [setting]: url };
    return stage.world.call('POST', '/v1/authentication/idp/intents/create', { token: token?.(stage), body });
  };
const fixedTarget = 'https://app.example.com/verify';

const admin = ({ world }: Stage): string => world.admin.token;
const owner = (stage: Stage): string => stage.owner.token;
const manager = (stage: Stage): string => stage.manager.token;
const machine = (stage: Stage): string => stage.machine.token;

/** Calls in which a person names the target, signed in or not. `PUBLIC` routes ignore credentials. */
const byPersons: [way: string, ask: Ask][] = [
  ['a stranger who signs up', signUp],
  ['a stranger who asks for a reset', requestReset],
  ['a person who asks for a verification', requestVerification((stage) => stage.unverified.token)],
  ['an owner who invites an owner', invite('owners', owner)],
  ['an owner who invites a manager', invite('managers', owner)],
  ['an owner who invites a member', invite('members', owner)],
  ['a manager who invites a member', invite('members', manager)],
  ['an owner who sends again', resend(owner)],
  ['a manager who sends again', resend(manager)],
];
const byPersonsWithoutPlaceholders: [way: string, ask: Ask][] = [
  ['a stranger who begins a sign-in (successUrl)', createIntent('successUrl')],
  ['a stranger who begins a sign-in (failureUrl)', createIntent('failureUrl')],
  ['a super admin who begins a sign-in', createIntent('successUrl', admin)],
];
const byTrusted: [way: string, ask: Ask][] = [
  ['a super admin who sets up', setUp],
  ['a super admin who adds another', addSuperAdmin],
  ['a super admin who invites', invite('owners', admin)],
  ['a super admin who sends again', resend(admin)],
  ['a machine user who invites', invite('members', machine)],
  ['a machine user who sends again', resend(machine)],
  ['a machine user who asks for a verification', requestVerification(machine)],
];

/** Refused for persons: the template, and the entry that the error names. */
const refused: [what: string, template: string, entry: string][] = [
  ['a bare origin', 'https://bare.example.com/', 'https://bare.example.com/'],
  ['a path of a bare origin', 'https://bare.example.com/evil?c={{code}}', 'https://bare.example.com/evil'],
  ['another path', 'https://app.example.com/evil?c={{code}}', 'https://app.example.com/evil'],
  ['a path below', 'https://app.example.com/verify/x', 'https://app.example.com/verify/x'],
  ['the path with a slash', 'https://app.example.com/verify/', 'https://app.example.com/verify/'],
  ['a fixed parameter', 'https://app.example.com/verify?next=//evil.example', 'https://app.example.com/verify?*'],
  [
    'a fixed parameter after a placeholder',
    'https://app.example.com/verify?c={{code}}&next=//evil.example',
    'https://app.example.com/verify?*',
  ],
  [
    'a parameter that is more than a placeholder',
    'https://app.example.com/verify?c={{code}}.evil',
    'https://app.example.com/verify?*',
  ],
  [
    'a parameter with a semicolon',
    'https://app.example.com/verify?c={{code}};next=//evil',
    'https://app.example.com/verify?*',
  ],
  [
    'a placeholder as name of a parameter',
    'https://app.example.com/verify?{{code}}=x',
    'https://app.example.com/verify?*',
  ],
  ['a parameter x', 'https://app.example.com/verify?next=x', 'https://app.example.com/verify?*'],
  [
    'a listed parameter of another value',
    'https://app.example.com/listed?lang=de&code={{code}}',
    'https://app.example.com/listed?*',
  ],
  ['a listed parameter twice', 'https://app.example.com/listed?lang=en&lang=de', 'https://app.example.com/listed?*'],
  ['a fragment', 'https://app.example.com/verify#/evil', 'https://app.example.com/verify#/evil'],
  ['another fragment', 'https://app.example.com/spa#/evil/{{code}}', 'https://app.example.com/spa#/evil/{{code}}'],
  [
    'a fragment behind a parameter that is more than a placeholder',
    'https://app.example.com/verify?c={{code}}.evil&d={{code}}#c',
    'https://app.example.com/verify?c={{code}}.evil#c',
  ],
  ['a fragment where any query is listed', 'https://app.example.com/any?a=b#c', 'https://app.example.com/any?a=b#c'],
  [
    'a path with another placeholder',
    'https://app.example.com/join/{{code}}/{{code}}',
    'https://app.example.com/join/{{code}}/{{code}}',
  ],
  // To parse a template, placeholders are replaced by a letter that an entry may also contain.
  [
    'a placeholder in place of a segment of the path',
    'https://app.example.com/exchange/{{code}}',
    'https://app.example.com/exchange/{{code}}',
  ],
  [
    'a placeholder in place of a letter of the path',
    'https://app.example.com/e{{code}}change/x',
    'https://app.example.com/e{{code}}change/x',
  ],
  ['a letter in place of a placeholder', 'https://app.example.com/join/x', 'https://app.example.com/join/x'],
  [
    'a placeholder in place of a letter of a fixed parameter',
    'https://app.example.com/listed-next?next=/inbo{{code}}',
    'https://app.example.com/listed-next?*',
  ],
  [
    'a placeholder in place of the name of a fixed parameter',
    'https://app.example.com/listed-x?{{code}}=1',
    'https://app.example.com/listed-x?*',
  ],
  [
    'a placeholder in place of a letter of the fragment',
    'https://app.example.com/spa-x#/bo{{code}}',
    'https://app.example.com/spa-x#/bo{{code}}',
  ],
];

const allowed: [what: string, template: string][] = [
  ['a listed path', 'https://app.example.com/verify'],
  ['a listed path with placeholders', 'https://app.example.com/verify?c={{code}}&again={{ code }}'],
  ['a placeholder in the path', 'https://app.example.com/join/{{code}}'],
  ['any query where it is listed', 'https://app.example.com/any?next=/home&c={{code}}'],
  ['a listed parameter', 'https://app.example.com/listed?lang=en&c={{code}}'],
  ['a listed fragment', 'https://app.example.com/spa?c={{code}}#/verify/{{code}}'],
  ['the root, listed with a slash', 'https://root.example.com?c={{code}}'],
  ['a listed path with the letter x', 'https://app.example.com/exchange/x?c={{code}}'],
  ['a listed parameter with the letter x', 'https://app.example.com/listed-next?next=/inbox&c={{code}}'],
  ['a listed fragment with the letter x', 'https://app.example.com/spa-x?c={{code}}#/box'],
];
const withoutPlaceholders = <Row extends [string, string, ...string[]]>(rows: Row[]): Row[] =>
  rows.filter(([, template]) => !template.includes('{{'));

const detailOf = (response: LightMyRequestResponse): string => response.json<{ detail: string }>().detail;

async function expectRefused(ask: Ask, template: string, entry: string): Promise<void> {
  const before = await exact.world.rows();
  const response = await ask(exact, template);
  expect({ template, problem: problem(response) }).toEqual({ template, problem: '400 redirect_url_not_allowed' });
  expect(detailOf(response)).toContain(`"${entry}"`);
  expect(detailOf(response)).toContain('redirectUrls');
  expect(await exact.world.rows()).toEqual(before);
}

async function expectAllowed(stage: Stage, ask: Ask, template: string): Promise<void> {
  const { statusCode, body } = await ask(stage, template);
  expect({ template, isOk: statusCode < 300, body }).toMatchObject({ template, isOk: true });
}

describe('an address in a request must match an entry with a path exactly', () => {
  test.each(byPersons)('%s', async (_, ask) => {
    for (const [, template, entry] of refused) await expectRefused(ask, template, entry);
    for (const [, template] of allowed) await expectAllowed(exact, ask, template);
  });

  test.each(byPersonsWithoutPlaceholders)('%s', async (_, ask) => {
    for (const [, template, entry] of withoutPlaceholders(refused)) await expectRefused(ask, template, entry);
    for (const [, template] of withoutPlaceholders(allowed)) await expectAllowed(exact, ask, template);
  });

  test.each(refused)('the entry that the refusal of %s names is enough', async (_, template, entry) => {
    const world = await createWorld(app, { settings: { redirectUrls: ['https://other.example.com/'] } });
    const settings = { redirectUrls: [entry] };
    const stage = { ...exact, world };
    expect(problem(await signUp(stage, template))).toBe('400 redirect_url_not_allowed');
    const changed = await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { settings });
    expect(changed.statusCode).toBe(200);
    await expectAllowed(stage, signUp, template);
  });
});

describe('a bare origin', () => {
  test.each(byTrusted)('serves %s', async (_, ask) => {
    for (const path of ['', '/', '/any/path?c={{code}}&fixed=1#x']) {
      await expectAllowed(exact, ask, `https://bare.example.com${path}`);
    }
    for (const [, template] of allowed) await expectAllowed(exact, ask, template);
    for (const template of ['https://evil.example/', 'https://app.example.com/evil']) {
      expect(problem(await ask(exact, template))).toBe('400 redirect_url_not_allowed');
    }
  });

  test('serves the default templates of the app', async () => {
    const settings = { verificationUrl: 'https://bare.example.com/default?c={{code}}&fixed=1' };
    const { world } = exact;
    const url = '/v1/authorization/apps/settings';
    expect((await world.call('PATCH', url, { token: world.admin.token, body: settings })).statusCode).toBe(200);
    const { email } = await world.person({ verified: false });
    expect((await world.mail(email)).url).toMatch(/^https:\/\/bare\.example\.com\/default\?c=/);
  });

  test.each([...byPersons, ...byTrusted])('serves all callers if redirectMatching is origin: %s', async (_, ask) => {
    await expectAllowed(byOrigin, ask, 'https://bare.example.com/any?c={{code}}&fixed=1#x');
    await expectAllowed(byOrigin, ask, 'https://app.example.com/verify?c={{code}}&fixed=1#x');
    for (const path of ['evil', 'e{{code}}change/x']) {
      expect(problem(await ask(byOrigin, `https://app.example.com/${path}`))).toBe('400 redirect_url_not_allowed');
    }
  });
});

describe('an app that lists no redirect URLs', () => {
  const anywhere = 'https://pasted.example/verify?code={{code}}&fixed=1';
  const empty = (service: TestApp) => createWorld(service, { settings: { redirectUrls: [] } });
  const signUpAt = (world: World, verificationUrl: string, headers: Record<string, string> = {}) =>
    world.call('POST', '/v1/authentication/users', {
      headers,
      body: { ...name, email: freshEmail(), password, verificationUrl },
    });

  test('allows every http and https target to a caller on this machine in development', async () => {
    const world = await empty(app);
    for (const template of [anywhere, 'http://pasted.example/']) {
      expect((await signUpAt(world, template)).statusCode).toBe(201);
    }
    for (const template of ['ftp://pasted.example/', 'https://jon@pasted.example/', 'https://{{code}}.example/']) {
      expect(problem(await signUpAt(world, template))).toBe('400 redirect_url_not_allowed');
    }
  });

  test.each<[what: string, headers: Record<string, string>]>([
    ['through a proxy', { 'x-forwarded-for': '203.0.113.7' }],
    ['through another proxy', { forwarded: 'for=203.0.113.7' }],
    ['under a name of the network', { host: 'gatehouse.example' }],
  ])('refuses a caller %s', async (_, headers) => {
    const response = await signUpAt(await empty(app), anywhere, headers);
    expect(problem(response)).toBe('400 redirect_url_not_allowed');
    expect(detailOf(response)).toContain('"https://pasted.example/verify?*"');
  });

  test('refuses a peer of the network', async () => {
    const world = await empty(app);
    const response = await app.app.inject({
      method: 'POST',
      url: '/v1/authentication/users',
      remoteAddress: '203.0.113.7',
      headers: { 'x-app-name': world.appName },
      payload: { ...name, email: freshEmail(), password, verificationUrl: anywhere },
    });
    expect(problem(response)).toBe('400 redirect_url_not_allowed');
  });

  test.each<[what: string, env: Record<string, string>]>([
    ['HOST is a network address', { HOST: '0.0.0.0', ALLOW_DEVELOPMENT_ON_NETWORK: 'true' }],
    ['PUBLIC_URL is a network address', { PUBLIC_URL: 'https://id.example.com' }],
    ['it is production', { NODE_ENV: 'production', MASTER_KEY: masterKey.toString('base64'), ALLOW_EMBEDDED: 'true' }],
  ])('refuses everybody if %s', async (_, env) => {
    const other = await buildTestApp({ db: app.db, env });
    const world = await empty(app);
    const response = await other.app.inject({
      method: 'POST',
      url: '/v1/authentication/users',
      headers: { 'x-app-name': world.appName },
      payload: { ...name, email: freshEmail(), password, verificationUrl: anywhere },
    });
    expect(problem(response)).toBe('400 redirect_url_not_allowed');
    await other.app.close();
  });

  test('does not let its super admins set a default template on another site', async () => {
    const world = await empty(app);
    const body = { verificationUrl: anywhere };
    const response = await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    expect(problem(response)).toBe('400 redirect_url_not_allowed');
  });
});

test('apps created before the migration match by origin, later ones exactly', async () => {
  const db = await openEmptyDatabase();
  const earlier = readMigrations().filter(({ name: of }) => of !== 'redirect_matching');
  const version = readMigrations().find(({ name: of }) => of === 'redirect_matching')?.version ?? 0;
  await migrate(
    db,
    earlier.filter((migration) => migration.version < version),
  );
  const insert = (id: string) =>
    db.query(sql`
    INSERT INTO apps (id, name, display_name, status, settings, created_at, updated_at)
    VALUES (${id}, ${`app-${id}`}, 'An app', 'ACTIVE', '{"language": "ar"}', now(), now())`);
  await insert('1');
  await migrate(db);
  await insert('2');
  expect(await db.query(sql`SELECT settings FROM apps ORDER BY id`)).toEqual([
    { settings: { language: 'ar', redirectMatching: 'origin', hostedPages: false } },
    { settings: { language: 'ar' } },
  ]);
  await db.close();
});
