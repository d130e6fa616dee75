import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, password, problem, type World } from '../test/world/world.ts';

const redirectUrls = [
  'https://app.example.com',
  'https://x.example.com',
  'https://exact.example.com/verify',
  'http://plain.example.com',
  'http://localhost:4000',
];

let development: TestApp;
let production: TestApp;
let world: World;
let productionWorld: World;
let person: Person;

beforeAll(async () => {
  development = await buildTestApp();
  world = await createWorld(development, { settings: { redirectUrls, redirectMatching: 'origin' } });
  person = await world.person({ verified: false });
  const env = {
    NODE_ENV: 'production',
    PUBLIC_URL: 'https://id.example.com',
    MASTER_KEY: randomBytes(32).toString('base64'),
    ALLOW_EMBEDDED: 'true',
  };
  production = await buildTestApp({ env });
  const settings = { redirectUrls: redirectUrls.filter((entry) => entry.startsWith('https:')) };
  productionWorld = await createWorld(production, { settings: { ...settings, redirectMatching: 'origin' } });
});
afterAll(async () => {
  await development?.close();
  await production?.close();
});

let counter = 0;
const signUp = (of: World, verificationUrl: string) => {
  const email = `somebody-${(counter += 1)}@example.com`;
  const body = { firstName: 'Jon', lastName: 'Doe', email, password, verificationUrl };
  return of.call('POST', '/v1/authentication/users', { body });
};
const requestMail = (verificationUrl?: string) =>
  world.call('POST', '/v1/authentication/users/email/verification-request', {
    token: person.token,
    body: { userId: person.userId, ...(verificationUrl !== undefined && { verificationUrl }) },
  });

const refusedEverywhere: [what: string, template: string][] = [
  ['a foreign origin', 'https://evil.example/verify'],
  ['an origin that begins like an allowed one', 'https://app.example.com.evil.example/'],
  ['an allowed origin as user info', 'https://app.example.com@evil.example/'],
  ['a user name', 'https://jon@app.example.com/'],
  ['a user name and a password', 'https://jon:secret@app.example.com/'],
  ['a password alone', 'https://:secret@app.example.com/'],
  ['another port', 'https://app.example.com:8443/'],
  ['plain http where https is listed', 'http://app.example.com/'],
  ['a subdomain', 'https://www.app.example.com/'],
  ['a placeholder as host', 'https://{{code}}/'],
  ['a placeholder in the host', 'https://{{code}}.example.com/'],
  ['a placeholder in the host after a third slash', 'https:///{{code}}.example.com/'],
  ['a placeholder in the host after a tab', 'https://\t/{{code}}.example.com/'],
  ['a placeholder in the host after backslashes', 'https:\\\\{{code}}.example.com/'],
  ['a placeholder in the host without slashes', 'https:{{code}}.example.com/'],
  ['a placeholder as user name', 'https://{{code}}@app.example.com/'],
  ['a placeholder as port', 'https://app.example.com:{{code}}/'],
  ['a placeholder as scheme', '{{code}}://app.example.com/'],
  ['a script', 'javascript:alert(1)'],
  ['a document', 'data:text/html,hello'],
  ['another protocol', 'ftp://app.example.com/'],
  ['a path without origin', '/verify?code={{code}}'],
  ['a host without scheme', '//app.example.com/'],
  ['no URL at all', 'nonsense'],
  ['another path than the listed one', 'https://exact.example.com/other'],
  ['the listed path with a slash', 'https://exact.example.com/verify/'],
  ['a path below the listed one', 'https://exact.example.com/verify/more'],
  ['a path that leads away from the listed one', 'https://exact.example.com/verify/../other'],
  ['the listed path in other case', 'https://exact.example.com/VERIFY'],
  ['no path where one is listed', 'https://exact.example.com'],
  ['an unknown placeholder', 'https://app.example.com/?p={{password}}'],
  ['a placeholder of another mail', 'https://app.example.com/?o={{orgId}}'],
  ['a misspelt placeholder', 'https://app.example.com/?u={{user_id}}'],
  ['an open placeholder', 'https://app.example.com/?c={{code'],
  ['an open placeholder of white space alone', `https://app.example.com/?c={{${' '.repeat(1900)}`],
  ['the end of a placeholder alone', 'https://app.example.com/?c=}}'],
];

const allowedEverywhere: [what: string, template: string][] = [
  ['any path of a listed origin', 'https://app.example.com/any/path'],
  ['a listed origin alone', 'https://app.example.com'],
  ['the host in other case', 'https://APP.example.com/verify'],
  ['the default port', 'https://app.example.com:443/verify'],
  ['placeholders in path, query and fragment', 'https://app.example.com/{{code}}?u={{userId}}#{{sessionToken}}'],
  ['the listed path with a query', 'https://exact.example.com/verify?code={{code}}'],
];

const developmentOnly: [what: string, template: string][] = [
  ['plain http that is listed', 'http://plain.example.com/verify'],
  ['plain http on loopback that is listed', 'http://localhost:4000/verify'],
  ['loopback by name', 'http://localhost:5173/verify'],
  ['loopback by IPv4 address', 'http://127.0.0.1:5173/verify'],
  ['loopback by IPv6 address', 'http://[::1]:5173/verify'],
  ['loopback on https', 'https://localhost/verify'],
];

describe('URL templates in development', () => {
  test.each(refusedEverywhere)('a URL template with %s is refused', async (_, template) => {
    const before = await world.rows();
    expect(problem(await signUp(world, template))).toBe('400 redirect_url_not_allowed');
    expect(problem(await requestMail(template))).toBe('400 redirect_url_not_allowed');
    expect(await world.rows()).toEqual(before);
  });

  test.each([...allowedEverywhere, ...developmentOnly])('a URL template may be %s', async (_, template) => {
    expect((await signUp(world, template)).statusCode).toBe(201);
  });

  test.each([
    ['a name that begins like loopback', 'http://localhost.evil.example/'],
    ['the whole machine', 'http://0.0.0.0:5173/'],
  ])('%s is not loopback', async (_, template) => {
    expect(problem(await signUp(world, template))).toBe('400 redirect_url_not_allowed');
  });

  test('a URL template has at most 2,000 characters', async () => {
    const longest = 'https://app.example.com/'.padEnd(2000, 'x');
    expect((await signUp(world, `${longest}x`)).statusCode).toBe(400);
    expect((await signUp(world, longest)).statusCode).toBe(201);
  });
});

describe('URL templates in production', () => {
  test.each([...refusedEverywhere, ...developmentOnly])('a URL template with %s is refused', async (_, template) => {
    expect(problem(await signUp(productionWorld, template))).toBe('400 redirect_url_not_allowed');
  });

  test.each(allowedEverywhere)('a URL template may be %s', async (_, template) => {
    expect((await signUp(productionWorld, template)).statusCode).toBe(201);
  });
});

describe('the link of a mail', () => {
  const longCode = /^[A-HJKMNP-Z2-9]{26}$/;

  test('has the values filled in', async () => {
    await requestMail('https://app.example.com/v?c={{code}}&u={{ userId }}&again={{code}}#{{sessionToken}}');
    const { url = '', text } = await world.mail(person.email);
    const link = new URL(url);
    const code = link.searchParams.get('c');
    expect(code).toMatch(longCode);
    expect(Object.fromEntries(link.searchParams)).toEqual({ c: code, u: person.userId, again: code });
    expect(link.hash).toMatch(/^#gh_v_[\w-]{43}$/);
    expect(text).toContain(url);
  });

  test('has the values URL-encoded', async () => {
    const owner = { email: 'jon+a&b=c@example.com', firstName: 'Jon', lastName: 'Doe' };
    const orgId = await world.organization(await world.person());
    const inviteUrl = 'https://app.example.com/join?e={{email}}&o={{orgId}}&c={{code}}';
    const url = `/v1/authorization/organizations/${orgId}/owners`;
    await world.call('POST', url, { token: world.admin.token, body: { ...owner, inviteUrl } });
    const mail = await world.mail(owner.email);
    const [start, code] = mail.url?.split('&c=') ?? [];
    expect(start).toBe(`https://app.example.com/join?e=jon%2Ba%26b%3Dc%40example.com&o=${orgId}`);
    expect(code).toMatch(longCode);
  });

  test.each([
    ['lines', 'https://app.example.com/?c={{code}}\n\nYour account is locked.\r\nVisit https://evil.example'],
    ['words', 'https://app.example.com/?c={{code}} Your account is locked. Visit https://evil.example'],
    ['letters that turn the line around', 'https://app.example.com/?c={{code}}\u202Eelpmaxe.live//:sptth\u2028'],
    ['markup', 'https://app.example.com/?c={{code}}"><a href=x>'],
  ])('does not let the sender of a request write %s into a mail', async (_, template) => {
    await requestMail(template);
    const { url = '', text } = await world.mail(person.email);
    expect(url).toMatch(/^https:\/\/app\.example\.com\/\?c=[!#-;=?-~]+$/);
    expect(text).toContain(`\n${url}\n`);
    expect(text).not.toMatch(/account is locked/);
  });

  test('is a page of the service when neither call nor app has one, and absent without pages', async () => {
    await requestMail();
    const { url: page } = await world.mail(person.email);
    expect(page).toContain(`/apps/${world.appName}/verify?user=${person.userId}&code=`);

    const other = await createWorld(development, { settings: { hostedPages: false } });
    const { email } = await other.person({ verified: false });
    const bare = await other.mail(email);
    expect(bare).not.toHaveProperty('url');
    expect(bare.code).toMatch(/^[A-HJKMNP-Z2-9]{7}$/);
  });

  test('is the default of the app when the call sends none', async () => {
    const verificationUrl = 'https://app.example.com/default?c={{code}}';
    const settings = { verificationUrl, redirectUrls: ['https://app.example.com'] };
    const other = await createWorld(development, { settings });
    const { email } = await other.person({ verified: false });
    const { url } = await other.mail(email);
    expect(url).toMatch(/^https:\/\/app\.example\.com\/default\?c=[A-Z2-9]{26}$/);
  });
});
