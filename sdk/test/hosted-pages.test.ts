import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { newVerifier, signInUrl } from '../src/index.ts';

describe('the address of the sign-in page', () => {
  const service = { baseUrl: 'https://id.example.com', appName: 'acme' };
  const returnTo = 'https://app.example.com/signed-in?from=a&to=b#top';

  it.each([
    [{}, 'https://id.example.com/apps/acme/sign-in'],
    [{ baseUrl: 'https://example.com/id/' }, 'https://example.com/id/apps/acme/sign-in'],
    [{ page: 'sign-up' as const, prompt: 'login' as const }, 'https://id.example.com/apps/acme/sign-up?prompt=login'],
    [{ appName: '../x' }, 'https://id.example.com/apps/..%2Fx/sign-in'],
  ])('the address of the sign-in page with %j is correct', (options, expected) => {
    expect(signInUrl({ ...service, ...options })).toBe(expected);
  });

  it('contains the address of the product and the challenge', () => {
    const { searchParams } = new URL(signInUrl({ ...service, returnTo, codeChallenge: 'c' }));
    expect(Object.fromEntries(searchParams)).toEqual({ return_to: returnTo, code_challenge: 'c' });
  });
});

describe('a verifier', () => {
  it('has the challenge that the service computes', async () => {
    const { verifier, challenge } = await newVerifier();
    expect(verifier).toMatch(/^[\w-]{43}$/);
    expect(challenge).toBe(createHash('sha256').update(verifier).digest('base64url'));
    expect((await newVerifier()).verifier).not.toBe(verifier);
  });
});
