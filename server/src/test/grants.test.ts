import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { freshForSeconds } from '../access/required-authentication.ts';
import { isGrant } from '../calls/fresh-authentication.ts';
import { isMutation } from '../calls/route.ts';
import type { SettingsPatch } from '../apps/apps.schema.ts';
import { sql } from '../db/db.ts';
import { principalsOf } from '../openapi/principals.ts';
import { routes } from '../routes.ts';
import { openTestDatabase } from './database.ts';
import { digestOfEverything } from './digest.ts';
import { type Case, cases } from './samples/samples.ts';
import { human, outcomeOf, perform, type Prepared } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld } from './world/world.ts';

/**
 * Whether each mutation that super admins may call grants rights: `grants`, bodies with which it does, or why it does
 * not. A new mutation must be added here.
 */
const reviewed: Readonly<Record<string, 'grants' | readonly object[] | { readonly none: string }>> = {
  updateUser: { none: 'names and language of a user' },
  resetUserFactors: { none: 'it removes factors, and always needs the strongest one' },
  endUserSessions: { none: 'it ends sessions' },
  deactivateUser: 'grants',
  reactivateUser: 'grants',
  deleteUser: { none: 'it removes rights' },

  setupOrganization: 'grants',
  updateOrganization: { none: 'name and metadata' },
  updateOrganizationSecurity: { none: 'conditions for sessions; it always needs the strongest factor' },
  deactivateOrganization: { none: 'it suspends rights' },
  reactivateOrganization: { none: 'the people have the rights from before the deactivation' },
  deleteOrganization: { none: 'it removes rights' },

  inviteManager: 'grants',
  inviteOwner: 'grants',
  inviteMember: 'grants',
  addUserToOrganization: 'grants',
  setOrganizationUserRoles: 'grants',
  resendInvitation: 'grants',
  removeUserFromOrganization: { none: 'it removes rights' },
  removeManager: { none: 'it removes rights' },
  revokeInvitation: { none: 'it removes an offer of rights' },
  leaveOrganization: { none: 'it removes rights of the caller' },
  searchOrganizationUsers: { none: 'it only reads' },
  checkPermissions: { none: 'it only reads' },

  updateRoles: 'grants',
  createPredefinedRoles: 'grants',
  deleteRole: { none: 'it removes rights' },
  deletePredefinedRole: { none: 'it removes rights' },

  addSuperAdmin: 'grants',
  removeSuperAdmin: 'grants',
  createMachineUser: 'grants',
  updateMachineUser: 'grants',
  createMachineSecret: 'grants',
  deleteMachineUser: { none: 'it removes rights' },
  deleteMachineSecret: { none: 'it removes a credential' },
  createOrganizationMachineUser: 'grants',
  updateOrganizationMachineUser: 'grants',
  createOrganizationMachineSecret: 'grants',
  confirmOrganizationMachineSecret: 'grants',
  deleteOrganizationMachineUser: { none: 'it removes rights' },
  deleteOrganizationMachineSecret: { none: 'it removes a credential' },
  createApiKey: 'grants',
  adoptApiKey: 'grants',
  updateApiKey: { none: 'the rights of a key never change; it always needs the strongest factor' },
  revokeApiKey: { none: 'it removes a credential' },

  createGoogleIdentityProvider: { none: 'how people sign in; people with a factor need it' },
  createAzureIdentityProvider: { none: 'how people sign in; people with a factor need it' },
  createOidcIdentityProvider: { none: 'how people sign in; it always needs the strongest factor' },
  updateIdentityProvider: { none: 'how people sign in; it always needs the strongest factor' },
  deleteIdentityProvider: { none: 'it removes a sign-in method' },

  updateAppSettings: [
    { managersMayGrantAnyRole: true },
    { managersMayMakeApiKeys: true },
    { ownersHoldAllPermissions: true },
    { organizationMachineUsers: true },
  ],
  updateBranding: { none: 'how pages look' },
  setLogo: { none: 'how pages look' },
  deleteLogo: { none: 'how pages look' },
  previewBranding: { none: 'it stores nothing' },
  updateOrganizationBranding: { none: 'how pages look' },
  setOrganizationLogo: { none: 'how pages look' },
  deleteOrganizationLogo: { none: 'how pages look' },
  previewOrganizationBranding: { none: 'it stores nothing' },
};

const ofSuperAdmins = routes.filter((route) => isMutation(route) && principalsOf(route.access).includes('SUPER_ADMIN'));

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

it('every mutation that super admins may call is classified', () => {
  const names = ofSuperAdmins.map(({ operationId }) => operationId);
  expect(names.toSorted()).toEqual(Object.keys(reviewed).toSorted());
});

it('the routes declare the same', () => {
  const declared = routes.filter(isGrant).map(({ operationId }) => operationId);
  const granting = Object.keys(reviewed).filter((name) => reviewed[name] === 'grants');
  expect(declared.toSorted()).toEqual(granting.toSorted());
});

/** A sample call of an operation that grants rights, with each body that does. */
const granting = cases
  .filter(({ sample }) => !sample.isNoOp)
  .flatMap((one): [string, Case, object | undefined][] => {
    const review = reviewed[one.route.operationId];
    if (review === 'grants') return [[one.name, one, undefined]];
    const bodies = Array.isArray(review) ? (review as object[]) : [];
    return bodies.map((body) => [`${one.name} ${JSON.stringify(body)}`, one, body]);
  });

/** The settings from before the call, so that each body changes one. */
const resetSettings = () =>
  app.db.query(sql`
    UPDATE apps SET settings = settings || '{"managersMayGrantAnyRole": false, "managersMayMakeApiKeys": false,
      "ownersHoldAllPermissions": false, "organizationMachineUsers": false}'
    WHERE id = ${stage.world.appId}`);

async function prepare(one: Case, body: object | undefined): Promise<Prepared> {
  const prepared = await one.sample.prepare(stage);
  if (!body) return prepared;
  await resetSettings();
  return { ...prepared, body: { ...body } };
}

/** Every session of the app authenticated that long ago, with a factor, or without one if the user has none. */
const setSessions = (seconds: number, { hasFactor }: { hasFactor: boolean }) => {
  const time = new Date(app.clock.now().getTime() - seconds * 1000);
  return app.db.query(sql`
    WITH people AS (
      UPDATE users SET has_factor = ${hasFactor}, strongest_acr = ${hasFactor ? 2 : 1}
      WHERE app_id = ${stage.world.appId})
    UPDATE sessions SET authenticated_at = ${time}, factor_at = ${hasFactor ? time : null}::timestamptz
    WHERE app_id = ${stage.world.appId}`);
};

const call = (one: Case, prepared: Prepared) =>
  perform(stage.world, one.route, prepared, { token: human(stage.world.admin).token });

describe('super admins with a factor cannot grant rights with an old session:', () => {
  it.each(granting)('%s', async (_, one, body) => {
    const prepared = await prepare(one, body);
    await setSessions(freshForSeconds + 1, { hasFactor: true });
    const before = await digestOfEverything(app.db);
    expect(outcomeOf(await call(one, prepared))).toBe('reauthentication_required');
    expect(await digestOfEverything(app.db)).toEqual(before);
  });
});

describe('super admins with a recent factor are not asked for it:', () => {
  it.each(granting)('%s', async (_, one, body) => {
    const prepared = await prepare(one, body);
    await setSessions(freshForSeconds, { hasFactor: true });
    expect(String(outcomeOf(await call(one, prepared)))).not.toMatch(/reauthentication_required|step_up_required/);
  });
});

describe('documented calls of super admins without a factor do not ask for one:', () => {
  const documented = granting.filter(([, { route }]) => route.freshAuthentication === undefined);

  it.each(documented)('%s', async (_, one, body) => {
    const prepared = await prepare(one, body);
    await setSessions(freshForSeconds + 1, { hasFactor: false });
    expect(String(outcomeOf(await call(one, prepared)))).not.toMatch(/reauthentication_required|step_up_required/);
  });
});

/** For every setting a value that is not the default. */
const others: { readonly [Name in keyof Required<SettingsPatch>]: SettingsPatch[Name] } = {
  allowedOrigins: ['https://other.example.com'],
  redirectUrls: ['https://other.example.com'],
  redirectMatching: 'origin',
  hostedPages: false,
  verificationUrl: 'https://other.example.com/?code={{code}}',
  resetUrl: 'https://other.example.com/?code={{code}}',
  inviteUrl: 'https://other.example.com/?code={{code}}',
  signInUrl: 'https://other.example.com/?code={{code}}',
  signInMethods: ['password'],
  signUpEnabled: false,
  sessionLifeSeconds: 60,
  sessionIdleSeconds: 60,
  sessionsPerUser: 1,
  machineTokenLifeSeconds: 300,
  accessTokenLifeSeconds: 60,
  audiences: ['https://other.example.com'],
  cookieSameSite: 'none',
  language: 'ar',
  mail: { brandName: 'Other' },
  limits: { signInsPerAccountPerHour: 1 },
  auditRetentionDays: 30,
  trustedBackends: ['10.0.0.0/8'],
  usersMayCreateOrganizations: true,
  organizationsPerUser: 1,
  managersMayGrantAnyRole: false,
  managersMayMakeApiKeys: true,
  ownersHoldAllPermissions: true,
  organizationMachineUsers: true,
  organizationBranding: true,
  mfa: { policy: 'off' },
  stepUp: true,
  stepUpOperations: [],
};

describe('settings', () => {
  const settings = (): Case => {
    const found = cases.find(({ route, sample }) => route.operationId === 'updateAppSettings' && !sample.isNoOp);
    if (!found) throw new Error('updateAppSettings has no sample');
    return found;
  };
  const bodies = granting.filter(([, { route }]) => route.operationId === 'updateAppSettings');

  it.each(bodies)('a required factor is needed to grant rights: %s', async (_, one, body) => {
    const prepared = await prepare(one, body);
    await app.db.query(sql`
      UPDATE apps SET settings = settings || '{"mfa": {"policy": "required"}}' WHERE id = ${stage.world.appId}`);
    expect(outcomeOf(await call(one, prepared))).toBe('step_up_required');
  });

  it.each(Object.entries(others))('an old session cannot change %s', async (name, value) => {
    await app.db.query(sql`UPDATE apps SET settings = '{}' WHERE id = ${stage.world.appId}`);
    await setSessions(freshForSeconds + 1, { hasFactor: false });
    const prepared = { as: human(stage.world.admin), body: { [name]: value } };
    const before = await digestOfEverything(app.db);
    expect(outcomeOf(await call(settings(), prepared))).toBe('reauthentication_required');
    expect(await digestOfEverything(app.db)).toEqual(before);
  });

  it('an old session can send the stored values', async () => {
    await setSessions(freshForSeconds + 1, { hasFactor: false });
    const stored = await stage.world.call('GET', '/v1/authorization/apps/settings', stage.world.admin);
    const prepared = { as: human(stage.world.admin), body: stored.json<Record<string, unknown>>() };
    expect(outcomeOf(await call(settings(), prepared))).toBe(200);
  });
});
