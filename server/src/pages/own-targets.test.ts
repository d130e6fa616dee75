import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';

const publicUrl = 'https://id.example';
const codeChallenge = hash('sha256', 'verifier-of-the-attacker-which-is-long-enough', 'base64url');

let test: TestApp;
let world: World;

beforeAll(async () => {
  test = await buildTestApp({ env: { PUBLIC_URL: publicUrl } });
  world = await createWorld(test);
});
afterAll(async () => {
  await test?.close();
});

describe.each(['sign-in', 'provider', 'account', 'continue'])('the page %s', (page) => {
  const own = () => `${publicUrl}/apps/${world.appName}/${page}?email=eve%40example.com`;

  it('is no target of a product', async () => {
    const { status, html } = await createVisitor(test).open(
      `/apps/${world.appName}/sign-in?return_to=${encodeURIComponent(own())}`,
    );
    expect([status, /data-code="(\w+)"/.exec(html)?.[1]]).toEqual([400, 'redirect_url_not_allowed']);
  });

  it('gets no exchange code', async () => {
    const { token } = await world.person();
    const body = { returnTo: own(), codeChallenge };
    const answer = await world.call('POST', '/v1/authentication/users/me/exchange-codes', { token, body });
    expect(problem(answer)).toBe('400 redirect_url_not_allowed');
  });

  it('is a target of a provider only if it is meant for that, in its own app', async () => {
    const url = '/v1/authentication/idp/intents/create';
    const other = await createWorld(test);
    const codes = await Promise.all(
      [world, other].map(async (of) => {
        const body = { idpId: '1', successUrl: own(), failureUrl: own() };
        return problem(await of.call('POST', url, { body }));
      }),
    );
    const isMeant = ['sign-in', 'provider'].includes(page);
    expect(codes).toEqual([
      isMeant ? '404 idp_not_found' : '400 redirect_url_not_allowed',
      '400 redirect_url_not_allowed',
    ]);
  });
});
