import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { animation, png, pngOf } from '../test/images.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createVisitor } from '../test/world/visitor.ts';
import { createWorld, problem, type World } from '../test/world/world.ts';

let test: TestApp;
let world: World;

beforeAll(async () => {
  test = await buildTestApp();
});
beforeEach(async () => {
  world = await createWorld(test);
});
afterAll(() => test?.close());

const url = '/v1/authorization/branding/logo';
const put = (bytes: Buffer, of = world) =>
  of.call('PUT', url, { token: of.admin.token, body: { content: bytes.toString('base64') } });
const get = (of = world) => of.call('GET', url, { token: of.admin.token });
const pathOf = (answer: { json: () => unknown }) => new URL((answer.json() as { url: string }).url).pathname;
const open = (path: string) => test.app.inject({ url: path });

const text = (characters: string) => Buffer.from(characters, 'latin1');
const script = text('<script>alert(1)</script>');

/** A JPEG of 4 x 3 pixels, as far as its headers. */
const jpeg = Buffer.concat([
  text('\xFF\xD8\xFF\xE0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00'),
  text('\xFF\xC0\x00\x0B\x08\x00\x03\x00\x04\x01\x01\x11\x00\xFF\xD9'),
]);

function webp(chunk: string, length = 0): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(4 + chunk.length + length);
  return Buffer.concat([text('RIFF'), size, text('WEBP'), text(chunk)]);
}
const lossy = webp('VP8 \x0A\x00\x00\x00\x00\x00\x00\x9D\x01\x2A\x04\x00\x03\x00\x00\x00');
const lossless = webp('VP8L\x0A\x00\x00\x00\x2F\x03\x80\x00\x00\x00\x00\x00\x00\x00');
const extended = (flags: string) => webp(`VP8X\x0A\x00\x00\x00${flags}\x00\x00\x00\x03\x00\x00\x02\x00\x00`);

describe('a logo is refused', () => {
  it.each<[what: string, bytes: () => Buffer]>([
    ['that is an SVG', () => text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')],
    ['that is an SVG behind the signature of a PNG', () => text('\x89PNG\r\n\x1A\n<svg onload="alert(1)"></svg>')],
    ['that is a page', () => text('<!doctype html><script>alert(1)</script>')],
    ['that is a GIF', () => text('GIF89a\x01\x00\x01\x00\x80\x00\x00')],
    ['with a page after a PNG', () => Buffer.concat([png(1, 1), script])],
    ['with a page before a PNG', () => Buffer.concat([script, png(1, 1)])],
    ['with a page after a JPEG', () => Buffer.concat([jpeg, script])],
    ['with a page after a WebP', () => Buffer.concat([lossy, script])],
    ['that is cut off', () => png(1, 1).subarray(0, -4)],
    ['of the signature only', () => png(1, 1).subarray(0, 8)],
    ['that is animated', () => png(1, 1, [animation()])],
    ['that is an animated WebP', () => extended('\x02')],
    ['that is too wide', () => png(2049, 1)],
    ['that is too high', () => png(1, 2049)],
    ['of the largest size of a PNG', () => png(0x7fff_ffff, 1)],
    ['without a size', () => png(0, 1)],
    ['with a chunk without an end', () => Buffer.concat([png(1, 1).subarray(0, 33), Buffer.alloc(12, 0xff)])],
  ])('a logo %s is refused, and the stored one stays', async (_, bytes) => {
    await put(png(1, 1));
    const before = (await get()).json<object>();
    expect(problem(await put(bytes()))).toBe('400 logo_invalid');
    expect((await get()).json()).toEqual(before);
  });

  it.each<[what: string, content: unknown]>([
    ['that is too large', Buffer.alloc(100 * 1024 + 1).toString('base64')],
    ['that is no base64', 'not an image!'],
    ['with a line', `${pngOf(1, 1)}\n`],
    ['that is empty', ''],
    ['that is no text', 1],
  ])('%s', async (_, content) => {
    const answer = await world.call('PUT', url, { token: world.admin.token, body: { content } });
    expect(problem(answer)).toBe('400 validation_failed');
  });
});

describe('a logo', () => {
  it.each<[type: string, bytes: Buffer, size: object]>([
    ['image/png', png(5, 4), { width: 5, height: 4 }],
    ['image/jpeg', jpeg, { width: 4, height: 3 }],
    ['image/webp', lossy, { width: 4, height: 3 }],
    ['image/webp', lossless, { width: 4, height: 3 }],
    ['image/webp', extended('\x00'), { width: 4, height: 3 }],
  ])('a logo of the type %s is served with this type, as an image only', async (type, bytes, size) => {
    const stored = await put(bytes);
    expect(stored.json()).toMatchObject({ type, ...size, content: bytes.toString('base64') });
    const served = await open(pathOf(stored));
    expect(served.rawPayload).toEqual(bytes);
    expect(served.headers).toMatchObject({
      'content-type': type,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
      'cache-control': 'public, max-age=31536000, immutable',
    });
    expect(served.headers['set-cookie']).toBeUndefined();
  });

  it('is served at the address of its own app and content only', async () => {
    const path = pathOf(await put(png(1, 1)));
    const other = await createWorld(test);
    expect((await open(path.replace(world.appName, other.appName))).statusCode).toBe(404);
    await put(png(2, 2), other);
    expect((await open(path.replace(world.appName, other.appName))).statusCode).toBe(404);
    await put(png(3, 3));
    expect((await open(path)).statusCode).toBe(404);
  });

  it.each(['', '0'.repeat(64), `${'0'.repeat(63)}%27`, '%2E%2E%2Fsign-in'])(
    'has no other address: %s',
    async (hash) => {
      await put(png(1, 1));
      expect((await open(`/apps/${world.appName}/logo/${hash}`)).statusCode).toBeGreaterThanOrEqual(400);
    },
  );

  it('is shown on pages, until it is deleted', async () => {
    const path = pathOf(await put(png(200, 100)));
    const page = () => createVisitor(test).open(`/apps/${world.appName}/sign-in`);
    expect((await page()).html).toContain(`<img src="${path}" alt="`);
    const gone = await world.call('DELETE', url, { token: world.admin.token });
    expect(gone.statusCode).toBe(204);
    expect((await page()).html).not.toContain('<img');
    expect((await open(path)).statusCode).toBe(404);
    expect(problem(await get())).toBe('404 logo_not_found');
    expect(problem(await world.call('DELETE', url, { token: world.admin.token }))).toBe('404 logo_not_found');
  });

  it('is shown in mails, unless the settings name another one', async () => {
    const { url: address } = (await put(png(2, 2))).json<{ url: string }>();
    const mailTo = async (email: string) => {
      await world.call('POST', '/v1/authentication/users', {
        body: { email, firstName: 'Jon', lastName: 'Doe', password: 'Password@123JonDoeInc' },
      });
      return (await world.mail(email)).html;
    };
    expect(await mailTo('one@example.com')).toContain(`src="${address}"`);
    const mail = { logoUrl: 'https://acme.example/logo.png' };
    await world.call('PATCH', '/v1/authorization/apps/settings', { token: world.admin.token, body: { mail } });
    expect(await mailTo('two@example.com')).toContain('src="https://acme.example/logo.png"');
  });

  it('a logo that is made for dark backgrounds has a dark background in mails', async () => {
    await put(png(2, 2));
    const body = { logoBackground: 'dark' };
    await world.call('PATCH', '/v1/authorization/branding', { token: world.admin.token, body });
    const email = 'dark@example.com';
    await world.call('POST', '/v1/authentication/users', {
      body: { email, firstName: 'Jon', lastName: 'Doe', password: 'Password@123JonDoeInc' },
    });
    expect((await world.mail(email)).html).toMatch(/<img [^>]*background:#1c1c1e/);
  });

  it('the logo of another app cannot be changed', async () => {
    const other = await createWorld(test);
    await put(png(1, 1));
    const body = { content: pngOf(2, 2) };
    expect(problem(await world.call('PUT', url, { token: other.admin.token, body }))).toBe('401 unauthenticated');
    expect(problem(await world.call('DELETE', url, { token: (await world.person()).token }))).toBe('403 access_denied');
    expect((await get()).json()).toMatchObject({ width: 1 });
  });
});
