import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { setOrganizationPolicy } from '../test/world/policies.ts';
import { signInOnPages } from '../test/world/sign-in-pages.ts';
import { createWorld, type Person, type World } from '../test/world/world.ts';

let app: TestApp;
let world: World;
let owner: Person;
let orgId: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  owner = await world.person();
  orgId = await world.organization(owner, { name: 'Acme' });
});
afterAll(() => app?.close());

describe('an organization that does not accept the sign-in method', () => {
  it.each([['members'], ['invitations']])('the page offers another sign-in instead of %s', async (page) => {
    const visitor = await signInOnPages(world, owner);
    await setOrganizationPolicy(world, orgId, { signInMethods: ['passkey', 'provider'] });
    const refused = await visitor.open(`/apps/${world.appName}/organizations/${page}?org=${orgId}`);
    expect([refused.status, refused.text]).toEqual([
      401,
      expect.stringContaining('accepts only a sign-in with: Passkey, Identity provider.'),
    ]);
    expect(refused.html).not.toContain('currentPassword');
    expect(refused.html).toContain('/sign-in?prompt=login');
    const account = await visitor.open(`/apps/${world.appName}/account`);
    expect(account.text).toContain('accepts only a sign-in with: Passkey, Identity provider.');
    expect(account.html).toContain('Sign in another way');
  });
});
