import { hash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { comeBack, createIntent, goToProvider, newBrowser, registerProvider } from '../test/identity-flow.ts';
import { TestProvider } from '../test/identity-provider.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, type World } from '../test/world/world.ts';

let test: TestApp;
let provider: TestProvider;
let world: World;
let idpId: string;

beforeAll(async () => {
  provider = await TestProvider.start();
  test = await buildTestApp();
});
beforeEach(async () => {
  world = await createWorld(test);
  provider.misbehaviour = {};
  idpId = await registerProvider(world, provider);
});
afterAll(async () => {
  await provider?.stop();
  await test?.close();
});

const at = (page: string) => `/apps/${world.appName}/${page}`;
type Visitor = ReturnType<typeof createVisitor>;

/** Presses the button of the provider, signs in there, and comes back. @returns the address to which it leads */
async function goThrough(visitor: Visitor, query = ''): Promise<string> {
  provider.person = { sub: 'ada', email: 'ada@example.com', email_verified: true, given_name: 'Ada' };
  const { forms } = await visitor.open(at('sign-in') + query);
  const { html } = await visitor.press(forms.at(-1)?.button ?? '');
  const [, start = ''] = /content="0;url=([^"]+)"/.exec(html) ?? [];
  const { path: authorization } = await visitor.open(start);
  const { path } = await visitor.open(await provider.signIn(authorization));
  return path;
}

describe('the sign-in with a provider', () => {
  it('leads to the account', async () => {
    const visitor = createVisitor(test);
    expect((await visitor.open(await goThrough(visitor))).text).toContain('ada@example.com Verified');
  });

  it('leads back to the product', async () => {
    const target = 'https://app.example.com/start';
    const body = { redirectUrls: [target] };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    const visitor = createVisitor(test);
    const { html } = await visitor.open(await goThrough(visitor, `?return_to=${encodeURIComponent(target)}`));
    expect(html).toContain(`content="0;url=${target}"`);
  });

  it('does not work in another browser', async () => {
    const victim = createVisitor(test);
    await victim.open(at('sign-in'));
    const { status, html } = await victim.open(await goThrough(createVisitor(test)));
    expect([status, /data-code="(\w+)"/.exec(html)?.[1]]).toEqual([400, 'intent_invalid']);
    expect(victim.jar.has('session-token')).toBe(false);
  });

  it.each(['none', '', 'undefined'])(
    'an intent with the verifier "%s" does not sign in any other browser',
    async (verifier) => {
      provider.person = { sub: 'eve', email: 'eve@example.com', email_verified: true };
      const successUrl = test.services.config.publicUrl + at('provider');
      const codeChallenge = hash('sha256', verifier, 'base64url');
      const { authUrl } = await createIntent(world, idpId, { successUrl, codeChallenge });
      const browser = newBrowser();
      const callback = await goToProvider(world, browser, provider, authUrl);
      const query = new URLSearchParams(await comeBack(world, browser, callback));
      const victim = createVisitor(test);
      const { status, html } = await victim.open(`${at('provider')}?${query.toString()}`);
      expect([status, /data-code="(\w+)"/.exec(html)?.[1]]).toEqual([400, 'intent_invalid']);
      expect(victim.jar.has('session-token')).toBe(false);
    },
  );

  it('says that the provider refused', async () => {
    const visitor = createVisitor(test);
    const { text } = await visitor.open(
      `${at('sign-in')}?notice=provider_failed&error=access_denied&error_description=x`,
    );
    expect(text).toContain('The sign-in with the provider did not work.');
  });

  it('is not offered if the app does not allow it', async () => {
    const body = { signInMethods: ['password'] };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body });
    const { forms } = await createVisitor(test).open(at('sign-in'));
    expect(forms.map(({ button }) => button)).toEqual(['Continue']);
  });
});
