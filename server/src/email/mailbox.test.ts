import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

const url = '/dev/mailbox';

let app: TestApp;
let world: World;
let person: Person;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  person = await world.person({ verified: false });
});
afterAll(() => app?.close());

interface Ask {
  of?: TestApp;
  query?: string;
  host?: string;
  accept?: string;
  peer?: string;
  headers?: Record<string, string>;
}
const ask = ({ of = app, query = '', host = 'localhost:3000', accept, peer = '127.0.0.1', headers }: Ask = {}) =>
  of.app.inject({
    method: 'GET',
    url: url + query,
    remoteAddress: peer,
    headers: { host, ...(accept && { accept }), ...headers },
  });
const messages = async (query = '') => (await ask({ query })).json<{ messages: Record<string, string>[] }>().messages;

describe('the mailbox is not there', () => {
  test.each<[what: string, from: Ask]>([
    ['for another machine', { peer: '192.0.2.1' }],
    ['for another machine over IPv6', { peer: '2001:db8::1' }],
    [
      'for another machine that calls itself this one',
      { peer: '192.0.2.1', headers: { 'x-forwarded-for': '127.0.0.1' } },
    ],
    ['through a proxy on this machine', { headers: { 'x-forwarded-for': '127.0.0.1' } }],
    ['through one that names the host', { headers: { 'x-forwarded-host': 'localhost' } }],
    ['through one that follows RFC 7239', { headers: { forwarded: 'for=127.0.0.1' } }],
    ['through one that names itself', { headers: { via: '1.1 proxy' } }],
    ['through one that tells the scheme', { headers: { 'x-forwarded-proto': 'https' } }],
    ['through one that tells the address its own way', { headers: { 'x-real-ip': '127.0.0.1' } }],
    ['through one that has nothing to say', { headers: { 'x-forwarded-for': '' } }],
    ['under a name that leads here', { host: 'rebound.evil.example' }],
    ['under a name that begins like this machine', { host: 'localhost.evil.example:3000' }],
    ['under an address that begins like this machine', { host: '127.0.0.1.evil.example' }],
    ['under an address that reaches any machine', { host: '0.0.0.0:3000' }],
  ])('%s', async (_, from) => {
    expect(problem(await ask(from))).toBe('404 route_not_found');
  });

  test.each<[what: string, env: Record<string, string>]>([
    ['with a mail server', { SMTP_URL: 'smtp://localhost:1025' }],
    [
      'in production',
      {
        NODE_ENV: 'production',
        PUBLIC_URL: 'https://id.example.com',
        MASTER_KEY: randomBytes(32).toString('base64'),
        ALLOW_EMBEDDED: 'true',
      },
    ],
    [
      'without development features',
      { HOST: '0.0.0.0', SMTP_URL: 'smtp://localhost:1025', MASTER_KEY: randomBytes(32).toString('base64') },
    ],
  ])('%s', async (_, env) => {
    const other = await buildTestApp({ env });
    try {
      expect(problem(await ask({ of: other }))).toBe('404 route_not_found');
    } finally {
      await other.close();
    }
  });

  test('behind a proxy on this machine for whom the proxy is the peer of a foreign host', async () => {
    const behind = await buildTestApp({ env: { TRUST_PROXY: '1' } });
    try {
      const from = { of: behind, headers: { 'x-forwarded-for': '192.0.2.1' }, host: 'id.example.com' };
      expect(problem(await ask(from))).toBe('404 route_not_found');
    } finally {
      await behind.close();
    }
  });

  test('a mailbox page with an unknown parameter is refused with a reason', async () => {
    expect(problem(await ask({ query: '?from=x' }))).toBe('400 validation_failed');
  });
});

describe('the mailbox as JSON', () => {
  test.each([{}, { accept: 'application/json' }, { accept: '*/*' }])('is literally this for %j', async (from) => {
    const response = await ask({ ...from, query: `?to=${person.email}` });
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toMatch(/^application\/json/);
    expect(response.json()).toEqual({
      messages: [
        {
          id: expect.stringMatching(/^\d{18}$/),
          to: person.email,
          from: 'no-reply@localhost',
          subject: `Confirm your e-mail address for ${world.appName}`,
          text: expect.stringContaining('Your code: '),
          html: expect.stringMatching(/^<!doctype html>/),
          purpose: 'email_verification',
          code: expect.stringMatching(/^[A-HJKMNP-Z2-9]{7}$/),
          url: expect.stringContaining(`/apps/${world.appName}/verify?user=`),
          createdAt: app.clock.now().toISOString(),
        },
      ],
    });
    expect(response.headers['cache-control']).toBe('no-store');
  });

  test.each(['localhost', '127.0.0.1:3000', '[::1]:3000', 'LOCALHOST:3000'])('is there under %s', async (host) => {
    expect((await ask({ host })).statusCode).toBe(200);
  });

  test.each(['::1', '::ffff:127.0.0.1', '127.0.0.2'])('is there for %s', async (peer) => {
    expect((await ask({ peer })).statusCode).toBe(200);
  });

  test('has the newest first, those to one address with `to`', async () => {
    const second = await world.person({ verified: false });
    const orgId = await world.organization(second);
    expect((await messages()).map(({ to, purpose }) => [to, purpose])).toEqual([
      [second.email, 'invitation'],
      [second.email, 'email_verification'],
      [person.email, 'email_verification'],
    ]);
    expect((await messages(`?to=${second.email}`)).map(({ purpose }) => purpose)).toEqual([
      'invitation',
      'email_verification',
    ]);
    expect(await messages('?to=nobody@example.com')).toEqual([]);
    expect(orgId).toMatch(/^\d+$/);
  });

  test('has the sender of the configuration', async () => {
    const configured = await buildTestApp({ env: { MAIL_FROM: 'Acme <mail@acme.example>' } });
    try {
      const { email } = await (await createWorld(configured)).person({ verified: false });
      const response = await ask({ of: configured, query: `?to=${email}` });
      expect(response.json()).toMatchObject({ messages: [{ from: 'Acme <mail@acme.example>' }] });
    } finally {
      await configured.close();
    }
  });
});

describe('the mailbox as a page', () => {
  const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

  test('runs no script, loads nothing, and cannot be framed', async () => {
    const response = await ask(browser);
    expect(response.headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(response.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(policy).not.toContain('script');
    expect(response.body).not.toMatch(/<script|<link(?! rel="icon" href="data:,")|<img| style=/i);
    expect(response.body).toContain(person.email);
  });

  test('shows code and link', async () => {
    const { token } = person;
    const body = { userId: person.userId, verificationUrl: 'http://localhost/?c={{code}}&x="><b>' };
    await world.call('POST', '/v1/authentication/users/email/verification-request', { token, body });
    const { code = '', url: link = '' } = await world.mail(person.email);
    const longCode = new URL(link).searchParams.get('c') ?? '';
    const page = (await ask({ ...browser, query: `?to=${person.email}` })).body;
    expect(page).toContain(code);
    expect(longCode).toMatch(/^[A-Z2-9]{26}$/);
    expect(page).toContain(`href="http://localhost/?c=${longCode}&amp;x=%22%3E%3Cb%3E"`);
  });

  test('shows values from people as text, in page and mail', async () => {
    const hostile = '<script>alert("x")</script> & \'Söhne\'';
    const owner = await world.person();
    await world.organization(owner, { name: hostile });
    const mail = await world.mail(owner.email);
    const wordJoiner = '\u2060';
    expect(mail.text.replaceAll(wordJoiner, '')).toContain(hostile);
    expect(mail.html).not.toContain('<script');
    expect(mail.html.replaceAll(wordJoiner, '')).toContain(
      '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;Söhne&#39;',
    );
    const page = (await ask({ ...browser, query: `?to=${owner.email}` })).body;
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;');
  });

  test('shows the newest or the chosen mail, in a frame without scripts', async () => {
    const { token, userId, email } = await world.person({ verified: false });
    await world.call('POST', '/v1/authentication/users/email/verification-request', { token, body: { userId } });
    const [newest, oldest] = await messages(`?to=${email}`);
    const framed = async (query: string) => {
      const { body } = await ask({ ...browser, query });
      expect(body.match(/<iframe/g)).toHaveLength(1);
      expect(body).toMatch(/<iframe[^>]*\ssandbox="allow-popups allow-popups-to-escape-sandbox"/);
      return /src="\/dev\/mailbox\?id=(\d+)&amp;show=html"/.exec(body)?.[1];
    };
    expect(await framed(`?to=${email}`)).toBe(newest?.['id']);
    expect(await framed(`?to=${email}&id=${oldest?.['id']}`)).toBe(oldest?.['id']);
    expect(await framed(`?to=${email}&id=1`)).toBe(newest?.['id']);
  });

  test('shows a mail alone as it is, without script, form or origin', async () => {
    const [mail] = await messages(`?to=${person.email}`);
    const response = await ask({ ...browser, query: `?id=${mail?.['id']}&show=html` });
    expect(response.body).toBe(mail?.['html']);
    const policy = String(response.headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none';/);
    expect(policy).toMatch(/; sandbox allow-popups allow-popups-to-escape-sandbox$/);
    expect(policy).not.toContain('allow-scripts');
    for (const query of ['?id=1&show=html', '?show=html']) {
      expect(problem(await ask({ ...browser, query }))).toBe('404 route_not_found');
    }
  });

  test('shows all mails when the field for the address is empty', async () => {
    expect((await ask({ ...browser, query: '?to=' })).body).toContain(person.email);
    expect((await messages('?to=')).length).toBeGreaterThan(1);
  });

  test('says that there are no mails', async () => {
    expect((await ask({ ...browser, query: '?to=nobody@example.com' })).body).toContain(
      'No mail to nobody@example.com yet.',
    );
  });

  test('shows the address that was asked for as text', async () => {
    const page = (await ask({ ...browser, query: `?to=${encodeURIComponent('"><script>x</script>')}` })).body;
    expect(page).not.toContain('<script');
    expect(page).toContain('value="&quot;&gt;&lt;script&gt;');
  });
});
