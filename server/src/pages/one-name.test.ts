import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type World } from '../test/world/world.ts';

/** Requests a page under a host name. @returns the status and the target of the redirect */
const ask = async (test: TestApp, url: string, host: string, method: 'GET' | 'POST' = 'GET'): Promise<string> => {
  const { statusCode, headers } = await test.app.inject({ method, url, headers: { host } });
  return [statusCode, headers.location].filter(Boolean).join(' ');
};

const hosts = {
  foreign: [
    'evil.example:3000',
    'localhost.evil.example:3000',
    '127.0.0.1.evil.example:3000',
    'localhost@evil.example',
  ],
  ofAnotherPort: ['127.0.0.1', '127.0.0.1:4000', '[::1]:80'],
  unreadable: ['127.0.0.1:3000:3000', 'a b', '[::1'],
};

describe('one name with the default address', () => {
  let test: TestApp;
  let world: World;
  let page: string;

  beforeAll(async () => {
    test = await buildTestApp({ env: { PUBLIC_URL: 'http://localhost:3000' } });
    world = await createWorld(test);
    page = `/apps/${world.appName}/sign-in`;
  });
  afterAll(async () => {
    await test?.close();
  });

  it.each([...hosts.foreign, ...hosts.ofAnotherPort, ...hosts.unreadable])(
    'a page opened under "%s" stays there',
    async (host) => {
      expect(await ask(test, page, host)).toBe('200');
    },
  );

  it.each(['localhost:3000', 'LOCALHOST:3000'])('a page opened under %s stays there', async (host) => {
    expect(await ask(test, page, host)).toBe('200');
  });

  it.each(['127.0.0.1:3000', '127.0.0.2:3000', '[::1]:3000', '127.1:3000'])(
    'a page opened under %s leads to localhost, with its query',
    async (host) => {
      const query = '?email=jon%40example.com&return_to=http%3A%2F%2Flocalhost%2F';
      expect(await ask(test, page + query, host)).toBe(`307 http://localhost:3000${page}${query}`);
    },
  );

  it('opens no other page, regardless of the request', async () => {
    const asked = [`//evil.example${page}`, `http://evil.example${page}`, `/apps/%2f%2fevil.example/sign-in`];
    const answers = await Promise.all(asked.map((url) => ask(test, url, '127.0.0.1:3000')));
    expect(answers.filter((answer) => answer.startsWith('307'))).not.toHaveLength(0);
    for (const answer of answers) expect(answer).toMatch(/^(404|307 http:\/\/localhost:3000\/apps\/[^/]+\/sign-in)$/);
  });

  it('does not take a form to another address', async () => {
    expect(await ask(test, page, '127.0.0.1:3000', 'POST')).not.toContain('307');
  });
});

describe('one name with an address of its own', () => {
  it.each([
    ['http://127.0.0.1:3000', 'localhost:3000', '200'],
    ['http://127.0.0.1:3000', '[::1]:3000', '307 http://127.0.0.1:3000'],
    ['https://id.example', '127.0.0.1', '200'],
    ['https://localhost', '127.0.0.1', '307 https://localhost'],
  ])('%s, a page opened under %s answers %s', async (publicUrl, host, expected) => {
    const test = await buildTestApp({ env: { PUBLIC_URL: publicUrl } });
    const world = await createWorld(test);
    const page = `/apps/${world.appName}/sign-in`;
    expect(await ask(test, page, host)).toBe(expected === '200' ? expected : expected + page);
    await test.close();
  });
});
