import { afterAll, beforeAll, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { addPasskey, passkeyUrls, setRelyingParty, signInByPasskey } from '../test/world/passkeys.ts';
import { codeRequestUrl, enableSignInCodes, sentCode, signInByCode } from '../test/world/sign-in-codes.ts';
import { createWorld, type World } from '../test/world/world.ts';

let test: TestApp;
let world: World;
const logged: string[] = [];

beforeAll(async () => {
  const stream = { write: (line: string) => void logged.push(line) };
  test = await buildTestApp({ env: { TRUST_PROXY: '1' }, logger: { level: 'trace', stream } });
  world = await createWorld(test);
  await setRelyingParty(world);
  await enableSignInCodes(world);
});
afterAll(() => test?.close());

it('log and audit have no code, link, cookie or token of a sign-in with a mailed code or a passkey', async () => {
  const { email, token } = await world.person();
  const [byCode, byLink] = [
    await sentCode(world, email, { ip: '198.51.100.1' }),
    await sentCode(world, email, { ip: '198.51.100.2' }),
  ];
  await signInByCode(world, email, 'ZZZZZZZ', { ip: '198.51.100.3' });
  await signInByCode(world, email, byLink.longCode, { ip: '198.51.100.3' });
  const linked = await signInByCode(world, email, byLink.longCode, byLink.browser);
  const again = await sentCode(world, email, { ip: '198.51.100.4' });
  const typed = await signInByCode(world, email, again.code, { ip: '198.51.100.4' });
  const passkey = await addPasskey(world, { token });
  await signInByPasskey(world, passkey, { rpId: 'evil.example' });
  const signed = await signInByPasskey(world, passkey);
  expect([linked, typed, signed].map(({ statusCode }) => statusCode)).toEqual([201, 201, 201]);
  const secrets = [
    ...[byCode, byLink, again].flatMap(({ code, longCode, browser }) => [code, longCode, browser.cookie.split('=')[1]]),
    ...[linked, typed, signed].map((response) => response.json<{ sessionToken: string }>().sessionToken),
    ...[linked, typed, signed].flatMap(({ headers }) => String(headers['x-device-token']).split('.')),
    ...passkey.recoveryCodes,
  ].map(String);
  expect(Math.min(...secrets.map(({ length }) => length))).toBeGreaterThan(6);
  const events = await test.db.query<{ row: string }>(sql`SELECT to_jsonb(e)::text AS row FROM audit_events e`);
  const log = logged.join('\n');
  for (const url of [codeRequestUrl, passkeyUrls.signIn, passkeyUrls.registration]) expect(log).toContain(url);
  const text = [log, ...events.map(({ row }) => row)].join('\n');
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
});
