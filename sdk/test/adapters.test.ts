import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import fastify from 'fastify';
import { expect, it } from 'vitest';
import { createRequireAuth as createFastifyAuth } from '../src/fastify.ts';
import { createRequireAuth as createHonoAuth } from '../src/hono.ts';
import type { Actor } from '../src/server.ts';

const me = { userId: '7', email: 'jon@example.com', isEmailVerified: true, isEmailClaimed: false };
const options = {
  baseUrl: 'https://id.example.com',
  appName: 'demo',
  fetch: ((_: unknown, init?: RequestInit) =>
    Promise.resolve(
      new Headers(init?.headers).get('authorization') === 'Bearer gh_s_good'
        ? Response.json(me)
        : Response.json({ code: 'unauthenticated' }, { status: 401 }),
    )) as typeof globalThis.fetch,
};
const actor: Actor = { kind: 'user', userId: '7', email: 'jon@example.com', emailVerified: false };

it('is one hook in Fastify', async () => {
  const app = fastify();
  app.decorateRequest('actor', null);
  const requireAuth = createFastifyAuth(options);
  app.get('/', { preHandler: requireAuth() }, (request) => (request as { actor?: unknown }).actor);
  const get = (authorization?: string) => app.inject({ url: '/', headers: authorization ? { authorization } : {} });
  expect((await get('Bearer gh_s_good')).json()).toEqual(actor);
  const refused = await get('Bearer gh_s_bad');
  expect([refused.statusCode, refused.json()]).toEqual([401, { code: 'unauthenticated' }]);
  expect((await get()).statusCode).toBe(401);
  await app.close();
});

it('is one middleware in Hono', async () => {
  const kept: unknown[] = [];
  const requireAuth = createHonoAuth(options);
  const ask = (authorization: string) =>
    requireAuth()(
      {
        req: {
          raw: new Request('https://api.example.com', { headers: { authorization } }),
          param: () => undefined,
        },
        set: (_, value) => void kept.push(value),
      },
      () => Promise.resolve(void kept.push('next')),
    );
  expect(await ask('Bearer gh_s_good')).toBeUndefined();
  expect(kept).toEqual([actor, 'next']);
  expect((await ask('Bearer gh_s_bad'))?.status).toBe(401);
  expect(kept).toHaveLength(2);
});

it('adds at most 12 kB to a page, and no package', async () => {
  const entry = fileURLToPath(new URL('../src/browser.ts', import.meta.url));
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    metafile: true,
  });
  expect(gzipSync(outputFiles[0]?.contents ?? '').length).toBeLessThanOrEqual(12 * 1024);
  expect(Object.keys(metafile.inputs).filter((input) => input.includes('node_modules'))).toEqual([]);
});
