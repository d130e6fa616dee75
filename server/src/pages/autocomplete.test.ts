import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { enrol, nextCode } from '../test/world/factors.ts';
import { unique } from '../test/world/names.ts';
import { enableSignInCodes } from '../test/world/sign-in-codes.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, password, type World } from '../test/world/world.ts';

// The purposes of the fields, which password managers and keyboards read. A value names whose data the field has: `off`
// for the data of somebody else, and for codes that no keyboard knows.

let db: UndoableDb;
let test: TestApp;
let world: World;

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  world = await createWorld(test);
  await enableSignInCodes(world);
});
aroundEach((runTest) => db.undo(runTest));
afterAll(async () => {
  await test?.close();
});

const at = (page: string, query: Readonly<Record<string, string>> = {}) =>
  `/apps/${world.appName}/${page}?${new URLSearchParams(query).toString()}`;

const verified = () => world.person({ verified: true });

/** Makes the authentication of all sessions too old to count as recent. */
const wait = () =>
  db.query(sql`
    UPDATE sessions SET authenticated_at = authenticated_at - interval '1 hour',
      factor_at = factor_at - interval '1 hour'`);

async function organization() {
  const owner = await verified();
  return { owner, orgId: await world.organization(owner) };
}

type Purposes = Readonly<Record<string, string>>;

/** The pages, and the purposes of their fields by name. Hidden fields count if they have one. */
const pages: readonly (readonly [what: string, open: () => Promise<{ html: string }>, Purposes])[] = [
  ['sign-in, address', () => createVisitor(test).open(at('sign-in')), { email: 'username webauthn' }],
  [
    'sign-in, password',
    async () => {
      const visitor = createVisitor(test);
      await visitor.open(at('sign-in'));
      return visitor.press('Continue', { email: 'jon@example.com' });
    },
    { email: 'username', password: 'current-password' },
  ],
  [
    'sign-in, mailed code',
    async () => {
      const visitor = createVisitor(test);
      await visitor.open(at('sign-in'));
      await visitor.press('Continue', { email: 'jon@example.com' });
      return visitor.press('Send a code by mail');
    },
    { email: 'username', code: 'one-time-code' },
  ],
  [
    'second factor, authenticator app',
    async () => {
      const person = await verified();
      await enrol(world, person);
      const visitor = createVisitor(test);
      await visitor.open(at('sign-in'));
      await visitor.press('Continue', { email: person.email });
      return visitor.press('Sign in', { password });
    },
    { code: 'one-time-code' },
  ],
  [
    'second factor, recovery code',
    async () => {
      const person = await verified();
      await enrol(world, person);
      const visitor = createVisitor(test);
      await visitor.open(at('sign-in'));
      await visitor.press('Continue', { email: person.email });
      await visitor.press('Sign in', { password });
      return visitor.press('Use a recovery code');
    },
    { recoveryCode: 'off' },
  ],
  [
    'sign-up',
    () => createVisitor(test).open(at('sign-up')),
    { firstName: 'given-name', lastName: 'family-name', email: 'username', password: 'new-password' },
  ],
  [
    'verification',
    async () => (await signInOnPages(world, await world.person())).open(at('verify')),
    { code: 'one-time-code' },
  ],
  ['forgotten password', () => createVisitor(test).open(at('forgot-password')), { email: 'username' }],
  [
    'reset of the password, without the link',
    () => createVisitor(test).open(at('reset-password', { email: 'jon@example.com' })),
    { email: 'username', code: 'one-time-code', newPassword: 'new-password' },
  ],
  [
    'invitation',
    async () => {
      const { owner, orgId } = await organization();
      const email = `${unique('ada')}@example.com`;
      const body = { email, firstName: 'Ada', lastName: 'Lovelace' };
      await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, { token: owner.token, body });
      return createVisitor(test).open((await world.mail(email)).url ?? '');
    },
    { email: 'username', firstName: 'given-name', lastName: 'family-name', newPassword: 'new-password' },
  ],
  [
    'account',
    async () => (await signInOnPages(world, await verified())).open(at('account')),
    {
      firstName: 'given-name',
      lastName: 'family-name',
      email: 'username',
      currentPassword: 'current-password',
      newPassword: 'new-password',
    },
  ],
  [
    'new address',
    async () => (await signInOnPages(world, await verified())).open(at('account/email')),
    { newEmail: 'email' },
  ],
  [
    'new address, code',
    async () => {
      const visitor = await signInOnPages(world, await verified());
      await visitor.open(at('account/email'));
      return visitor.press('Continue', { newEmail: 'new@example.com' });
    },
    { code: 'one-time-code' },
  ],
  [
    'confirmation with the password',
    async () => {
      const visitor = await signInOnPages(world, await verified());
      await wait();
      await visitor.open(at('account/data'));
      return visitor.press('Download');
    },
    { username: 'username', currentPassword: 'current-password' },
  ],
  [
    'confirmation with a mailed code',
    async () => {
      const visitor = await signInOnPages(world, await verified());
      await wait();
      await visitor.open(at('account/data'));
      await visitor.press('Download');
      return visitor.press('Send a code by mail');
    },
    { code: 'one-time-code' },
  ],
  [
    'confirmation with the authenticator app',
    async () => {
      const person = await verified();
      const factor = await enrol(world, person);
      const visitor = await signInOnPages(world, person);
      await visitor.press('Verify', { code: nextCode(world, factor) });
      await wait();
      await visitor.open(at('account/data'));
      return visitor.press('Download');
    },
    { code: 'one-time-code' },
  ],
  [
    'search for a member',
    async () => {
      const { owner, orgId } = await organization();
      return (await signInOnPages(world, owner)).open(at('organizations/members', { org: orgId }));
    },
    { find: 'off' },
  ],
  [
    'new authenticator app',
    async () => {
      const visitor = await signInOnPages(world, await verified());
      await visitor.open(at('account/second-factors'));
      return visitor.press('Add an authenticator app');
    },
    { code: 'one-time-code', verificationCode: 'off' },
  ],
  [
    'invitation of somebody else',
    async () => {
      const { owner, orgId } = await organization();
      return (await signInOnPages(world, owner)).open(at('organizations/invitations', { org: orgId }));
    },
    { email: 'off', firstName: 'off', lastName: 'off' },
  ],
  [
    'new organization with an owner',
    async () => (await signInOnPages(world, world.admin)).open(at('organizations/new')),
    { orgName: 'organization', adminEmail: 'off', adminFirstName: 'off', adminLastName: 'off', roles: 'off' },
  ],
];

/** The attribute of the fields that people fill in or that have one. */
function purposesIn(html: string): Purposes {
  const inputs = [...html.matchAll(/<input ([^>]*)\/>/g)].map(([, attributes = '']) => {
    const value = (name: string) => new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1];
    return { name: value('name') ?? '', type: value('type'), purpose: value('autocomplete') };
  });
  const typed = inputs.filter(({ type, purpose }) => !['hidden', 'checkbox'].includes(type ?? '') || purpose);
  return Object.fromEntries(typed.map(({ name, purpose = 'none' }) => [name, purpose]));
}

describe('the purposes of the fields', () => {
  it.each(pages)('are those of the page: %s', async (_, open, purposes) => {
    expect(purposesIn((await open()).html)).toEqual(purposes);
  });

  it.each(pages)('name the account of a password in its form: %s', async (_, open) => {
    const { html } = await open();
    const forms = [...html.matchAll(/<form [^>]*>.*?<\/form>/gs)].map(([form]) => form);
    const without = forms.filter((form) => /"(?:current|new)-password"/.test(form) && !/"username["\s]/.test(form));
    expect(without).toEqual([]);
  });
});
