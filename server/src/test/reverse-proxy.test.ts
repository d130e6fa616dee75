import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publicAccess } from '../access/access.ts';
import { route } from '../calls/route.ts';
import { routes } from '../routes.ts';
import { listen } from './raw-http.ts';
import { deployed, proxies, publicName, type ReverseProxy, startProxy } from './reverse-proxy.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import { createWorld, password, type World } from './world/world.ts';

// The examples of `deploy/` in front of the service, as an operator would run them, and the responses that a client
// gets through them.

const origin = `https://${publicName}`;
const appOrigin = 'https://app.example.com';
const me = '/v1/authentication/users/me';
const bodyLimit = 256 * 1024;

/** Maximum length of an encoded URL of 2,000 characters. */
const longUrl = `${appOrigin}/${'%D8%A7'.repeat(1970)}`;
const longRedirect = route({
  method: 'GET',
  url: '/test/long-redirect',
  operationId: 'redirectFar',
  tag: 'platform',
  summary: 'Long redirect',
  description: 'Redirects to a long URL.',
  access: publicAccess({ app: 'none' }),
  response: { status: 302, description: 'The redirect.' },
  hidden: true,
  handler: async ({ reply }) => void (await reply.code(302).header('location', longUrl).send()),
});

let app: TestApp;
let world: World;
let direct: number;

beforeAll(async () => {
  app = await buildTestApp({ env: { PUBLIC_URL: origin, TRUST_PROXY: '1' }, routes: [...routes, longRedirect] });
  world = await createWorld(app, { settings: { allowedOrigins: [appOrigin] } });
  direct = await listen(app);
});
afterAll(() => app?.close());

interface Sent {
  method?: string;
  headers?: http.OutgoingHttpHeaders;
  body?: string;
  /** The client does not end the body. */
  isUnfinished?: boolean;
  /** Address of the client; every address of 127.0.0.0/8 is this machine. */
  from?: string;
}
interface Received {
  readonly status: number | undefined;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Sends a request with an unchanged path, and returns the response. */
async function send(port: number, path: string, sent: Sent = {}): Promise<Received> {
  const { method = 'GET', headers, body, isUnfinished = false, from } = sent;
  const isDirect = port === direct;
  const request = (isDirect ? http : https).request({
    host: '127.0.0.1',
    port,
    method,
    path,
    agent: false,
    headers: { host: publicName, 'x-app-name': world.appName, ...headers },
    ...(!isDirect && { servername: publicName, rejectUnauthorized: false }),
    ...(from !== undefined && { localAddress: from }),
  });
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
  if (body !== undefined) request.write(body);
  if (!isUnfinished) request.end();
  const [response] = await answered;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  if (isUnfinished) request.destroy();
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString('latin1') };
}

const json = { 'content-type': 'application/json' };
const bodyOf = ({ body }: Received): unknown => JSON.parse(body);

/** A JSON body of this size without an effect. */
const bodyOfSize = (bytes: number): string => `{"metadata":{}${' '.repeat(bytes - 15)}}`;

describe.each(proxies)('behind $name', ({ name, isInstalled }) => {
  let proxy: ReverseProxy;

  beforeAll(async () => {
    if (isInstalled) proxy = await startProxy(name, direct);
  });
  afterAll(() => proxy?.stop());

  const through = (path: string, sent?: Sent) => send(proxy.https, path, sent);
  const signIn = (headers: http.OutgoingHttpHeaders = {}, from = '127.0.0.1') =>
    through('/v1/authentication/users/sessions', {
      method: 'POST',
      headers: { ...json, ...headers },
      body: JSON.stringify({ email: world.admin.email, password }),
      from,
    });
  const cookiesOf = ({ headers }: Received) => headers['set-cookie'] ?? [];

  describe.skipIf(!isInstalled)('a proxy with the example of deploy/', () => {
    test.each([
      ['sends none', {}],
      ['sends an address of its own', { 'x-forwarded-for': '203.0.113.9' }],
      ['sends a list', { 'x-forwarded-for': '203.0.113.9, 203.0.113.10' }],
      [
        'sends every other header of proxies',
        {
          'x-real-ip': '203.0.113.9',
          forwarded: 'for=203.0.113.9',
          'x-forwarded-host': 'evil.example',
          via: '1.1 evil',
        },
      ],
    ])('the address of the client is that of its connection: it %s', async (_what, headers) => {
      const answer = bodyOf(await signIn(headers, '127.0.0.2')) as { sessionToken: string; sessionId: string };
      const response = await world.call('GET', `${me}/sessions`, { token: answer.sessionToken });
      const { sessions } = response.json<{ sessions: { id: string; ip: string }[] }>();
      expect(sessions.find(({ id }) => id === answer.sessionId)?.ip).toBe('127.0.0.2');
    });

    test('cookies are secure and authenticate a browser', async () => {
      const cookies = cookiesOf(await signIn({ origin, 'sec-fetch-site': 'same-origin' }));
      const names = cookies.map((cookie) => cookie.split('=')[0]);
      expect(names).toEqual(expect.arrayContaining(['session-token', `__Host-session-token-${world.appName}`]));
      for (const cookie of cookies) expect(cookie).toMatch(/; Secure/);
      const cookie = cookies.map((text) => text.split(';')[0]).join('; ');
      const browser = { cookie, origin, 'sec-fetch-site': 'same-origin' };
      expect(bodyOf(await through(me, { headers: browser }))).toMatchObject({ userId: world.admin.userId });
      const changed = await through(`/v1/authentication/users/${world.admin.userId}`, {
        method: 'PUT',
        headers: { ...browser, ...json },
        body: '{"metadata":{}}',
      });
      expect(changed.status).toBe(200);
      const foreign = await through(me, { headers: { ...browser, 'sec-fetch-site': 'cross-site' } });
      expect(foreign.headers['access-control-allow-origin']).toBeUndefined();
    });

    test('cookies that HTTP/2 splits arrive as one header', async () => {
      const cookie = cookiesOf(await signIn()).find((text) => text.startsWith('__Host-session-token'));
      const client = http2.connect(`https://127.0.0.1:${proxy.https}`, {
        servername: publicName,
        rejectUnauthorized: false,
      });
      const stream = client.request({
        ':path': me,
        ':authority': publicName,
        'x-app-name': world.appName,
        'sec-fetch-site': 'same-origin',
        cookie: ['theme=dark', String(cookie?.split(';')[0])],
      });
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      expect(headers[':status']).toBe(200);
      client.destroy();
    });

    const update = (port: number, sent: Sent) =>
      send(port, `/v1/authentication/users/${world.admin.userId}`, {
        ...sent,
        method: 'PUT',
        headers: { ...json, authorization: `Bearer ${world.admin.token}`, origin: appOrigin, ...sent.headers },
      });
    const withLength = (length: number) => ({ 'content-length': length });
    const inChunks = { 'transfer-encoding': 'chunked' };

    test.each([
      ['with a length', withLength(bodyLimit)],
      ['in chunks', inChunks],
    ])('a body of 256 KiB is read: %s', async (_what, headers) => {
      expect((await update(proxy.https, { body: bodyOfSize(bodyLimit), headers })).status).toBe(200);
    });

    const oneMore = bodyOfSize(bodyLimit + 1);

    test.each<[string, Sent]>([
      ['one byte more', { body: oneMore, headers: withLength(oneMore.length) }],
      ['one byte more in chunks', { body: oneMore, headers: inChunks }],
      ['1 GiB, of which little arrives', { body: oneMore, headers: withLength(2 ** 30), isUnfinished: true }],
      ['chunks without end', { body: bodyOfSize(3 * bodyLimit), headers: inChunks, isUnfinished: true }],
    ])('a larger body is refused in the form of the service: %s', async (_what, sent) => {
      const refused = await update(proxy.https, sent);
      const expected = bodyOf(await update(direct, { body: oneMore })) as object;
      const requestId = refused.headers['x-request-id'];
      expect([refused.status, refused.headers['content-type']]).toEqual([413, 'application/problem+json']);
      expect(bodyOf(refused)).toEqual({ ...expected, requestId });
      expect(requestId).toMatch(/^[A-Za-z0-9._-]{8,64}$/);
      // The proxy refused it: the service would return its own headers, and the response could be lost.
      expect(refused.headers['access-control-allow-origin']).toBeUndefined();
    });

    test('a header line of 12 KiB is read', async () => {
      expect((await through('/healthz', { headers: { 'x-large': 'x'.repeat(12 * 1024) } })).status).toBe(200);
    });

    test.each([
      ['one header', '/healthz', { 'x-large': 'x'.repeat(20_000) }],
      ['a cookie', '/healthz', { cookie: `session-token=${'x'.repeat(20_000)}` }],
      [
        'many headers',
        '/healthz',
        Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`x-${n}`, 'x'.repeat(50)])),
      ],
      ['a path', `/${'x'.repeat(20_000)}`, {}],
    ])('larger ones are refused by the service: %s', async (_what, path, headers) => {
      const refused = await through(path, { headers });
      expect(refused.status).toBe(431);
      expect(bodyOf(refused)).toMatchObject({ status: 431, code: 'headers_too_large' });
    });

    test('the service chooses the request id, and keeps one that the client sends', async () => {
      const [own, kept, replaced] = await Promise.all([
        through('/nowhere'),
        through('/nowhere', { headers: { 'x-request-id': 'request-id-of-the-client' } }),
        through('/nowhere', { headers: { 'x-request-id': 'not an id' } }),
      ]);
      for (const answer of [own, kept, replaced])
        expect(bodyOf(answer)).toMatchObject({ requestId: answer.headers['x-request-id'] });
      expect(own.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
      expect(kept.headers['x-request-id']).toBe('request-id-of-the-client');
      expect(replaced.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    });

    test.each([
      '/v1/authorization/organizations/12%2F34',
      '/v1/authorization/organizations/12%252F34',
      '/v1/authorization/organizations/%2e%2e%2f1',
      '/v1/authorization/organizations/1%2534',
      '/v1/authorization/organizations/',
      '//v1/authorization/organizations',
      '/v1/authorization//organizations',
      '/v1/authorization/roles/a%20b%2Bc',
      '/v1/authorization/roles/%C3%A9',
      '/v1/authorization/roles/%ff',
      '/v1/authorization/organizations?filter=%00',
      '/v1/authorization/organizations?orgName=a+b%20c%26d%3De&pageSize=10',
      '/v1/authorization/organizations?pageSize=10&pageSize=20',
      '/errors/%2e%2e%2Fhealthz',
    ])('the path arrives as it was sent: %s', async (path) => {
      const sent = { headers: { authorization: `Bearer ${world.admin.token}`, 'x-request-id': 'same-in-both' } };
      const [expected, answer] = [await send(direct, path, sent), await through(path, sent)];
      expect({ status: answer.status, body: answer.body }).toEqual({ status: expected.status, body: expected.body });
    });

    test.each([
      ['a large answer', '/openapi.json', {}],
      ['a large answer in brotli', '/openapi.json', { 'accept-encoding': 'br' }],
      ['a large script in gzip', '/docs', { 'accept-encoding': 'gzip' }],
    ])('the response %s arrives as the service sent it', async (_what, path, headers) => {
      const [expected, answer] = [await send(direct, path, { headers }), await through(path, { headers })];
      expect(answer.body === expected.body && answer.body.length > 0).toBe(true);
      const kept = ['content-type', 'content-encoding', 'etag', 'cache-control', 'vary', 'strict-transport-security'];
      for (const header of kept) expect([header, answer.headers[header]]).toEqual([header, expected.headers[header]]);
      const etag = String(answer.headers.etag);
      expect((await through(path, { headers: { ...headers, 'if-none-match': etag } })).status).toBe(
        expected.headers.etag === undefined ? 200 : 304,
      );
    });

    test('a redirect to a long URL arrives', async () => {
      const { status, headers } = await through('/test/long-redirect');
      expect([status, headers.location === longUrl]).toEqual([302, true]);
    });

    test('HEAD and preflights are answered by the service', async () => {
      const head = await through('/openapi.json', { method: 'HEAD' });
      expect([head.status, head.body]).toEqual([200, '']);
      const preflight = await through(me, {
        method: 'OPTIONS',
        headers: { origin: appOrigin, 'access-control-request-method': 'GET' },
      });
      expect(preflight.status).toBe(204);
      expect(preflight.headers['access-control-allow-origin']).toBe(appOrigin);
    });

    test('plain http is redirected to https, never to a name that the client chose', async () => {
      const redirected = async (host: string) => {
        const request = http.get({
          host: '127.0.0.1',
          port: proxy.http,
          path: '/docs?a=%2F',
          agent: false,
          headers: { host },
        });
        const [{ statusCode, headers }] = (await once(request, 'response')) as [http.IncomingMessage];
        request.destroy();
        return { statusCode, location: headers.location };
      };
      const { statusCode, location } = await redirected(publicName);
      expect([301, 308]).toContain(statusCode);
      expect(location?.replace(`:${proxy.https}`, '')).toBe(`${origin}/docs?a=%2F`);
      expect((await redirected('evil.example')).location ?? origin).not.toContain('evil.example');
    });
  });
});

test.each([
  ['nginx-site.conf', /^ {4}keepalive_timeout (\d+)s;/m],
  ['Caddyfile', /^\t+keepalive (\d+)s$/m],
])('%s closes idle connections before the service does', (file, pattern) => {
  const seconds = Number(pattern.exec(readFileSync(deployed(file), 'utf8'))?.[1]);
  expect(seconds * 1000).toBeLessThan(app.app.server.keepAliveTimeout);
});
