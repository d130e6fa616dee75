import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type Person, problem, type World } from '../test/world/world.ts';

const url = '/v1/authentication/users/email/verification';
const hourMs = 3_600_000;

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp({ env: { TRUST_PROXY: '1' } });
  world = await createWorld(app);
});
afterAll(() => app?.close());

/** A person to whom a code was mailed, and a function that attempts a code from an address. */
async function unverified() {
  const person = await world.person({ verified: false });
  const { code = '' } = await world.mail(person.email);
  return { ...person, code };
}
const present = ({ userId, token }: Person, verificationCode: string, address = '192.0.2.1') =>
  world.call('POST', url, { token, body: { userId, verificationCode }, headers: { 'x-forwarded-for': address } });
const outcome = async (...attempt: Parameters<typeof present>) => problem(await present(...attempt));

async function guess(person: Person, times: number, address: (index: number) => string = () => '192.0.2.1') {
  const attempts = Array.from({ length: times }, (_, index) => outcome(person, 'AAAAAAA', address(index)));
  expect(new Set(await Promise.all(attempts))).toEqual(new Set(['400 code_invalid']));
}
const distinct = (index: number) => `198.51.100.${index}`;

async function tries(person: Person) {
  const [row] = await app.db.query<{ tries: number; most: number }>(sql`
    SELECT c.tries, max(t.tries) AS most FROM codes c JOIN code_tries t ON t.app_id = c.app_id AND t.code_id = c.id
    WHERE c.user_id = ${person.userId} GROUP BY c.tries`);
  return row;
}

test.each([
  ['spaces', (code: string) => code.replaceAll(/./g, '$& ')],
  ['a dash', (code: string) => `${code.slice(0, 3)}-${code.slice(3)}`],
  ['zero-width characters', (code: string) => `\u200B${code.slice(0, 3)}\u200D${code.slice(3)}\uFEFF`],
])('a code with %s is the same code', async (_what, typed) => {
  const person = await unverified();
  expect((await present(person, typed(person.code))).statusCode).toBe(200);
});

test.each(['-', '\u200B', ' '])('separators alone (%j) are no code', async (typed) => {
  expect(await outcome(await unverified(), typed)).toBe('400 code_invalid');
});

test.each([
  ['valid for 24 hours', 24 * hourMs - 1, '200 undefined'],
  ['invalid after 24 hours', 24 * hourMs, '400 code_invalid'],
])('a short code is %s', async (_what, ageMs, expected) => {
  const person = await unverified();
  app.clock.advance(ageMs);
  expect(await outcome(person, person.code)).toBe(expected);
});

describe('attempts from one address', () => {
  test('the fifth attempt still counts, the sixth does not, even with the correct code', async () => {
    const fourWrong = await unverified();
    await guess(fourWrong, 4);
    expect((await present(fourWrong, fourWrong.code)).statusCode).toBe(200);

    const fiveWrong = await unverified();
    await guess(fiveWrong, 5);
    expect(await outcome(fiveWrong, fiveWrong.code)).toBe('400 code_invalid');
  });

  test('the attempts of one person are not attempts of another', async () => {
    const [first, second] = [await unverified(), await unverified()];
    await guess(first, 5);
    expect((await present(second, second.code)).statusCode).toBe(200);
  });

  test('50 concurrent requests get no more than 5 attempts', async () => {
    const person = await unverified();
    await guess(person, 50);
    expect(await tries(person)).toEqual({ tries: 5, most: 5 });
    expect(await outcome(person, person.code)).toBe('400 code_invalid');
  });

  test('an IPv6 network of 64 bits is one address, however it is written', async () => {
    const person = await unverified();
    const same = [
      '2001:db8:1:2::1',
      '2001:DB8:1:2::2',
      '2001:0db8:0001:0002:3::',
      '2001:db8:1:2:3:4:5:6',
      '2001:db8:1:2::',
    ];
    await guess(person, 5, (index) => same[index] ?? '');
    expect(await outcome(person, person.code, '2001:db8:1:2:ffff:ffff:ffff:ffff')).toBe('400 code_invalid');
    expect((await present(person, person.code, '2001:db8:1:3::1')).statusCode).toBe(200);
  });

  test('an IPv4 address is the same when it is written as an IPv6 one', async () => {
    const person = await unverified();
    await guess(person, 5, (index) => (index % 2 ? '192.0.2.7' : '::ffff:192.0.2.7'));
    expect(await outcome(person, person.code, '192.0.2.7')).toBe('400 code_invalid');
    expect((await present(person, person.code, '::ffff:192.0.2.8')).statusCode).toBe(200);
  });
});

describe('attempts from many addresses', () => {
  test('a stranger cannot exhaust the attempts of the owner', async () => {
    const person = await unverified();
    await guess(person, 5, () => '203.0.113.9');
    expect((await present(person, person.code, '192.0.2.1')).statusCode).toBe(200);
  });

  test('the 50th attempt still counts, the 51st does not, even with the correct code', async () => {
    const almost = await unverified();
    await guess(almost, 49, distinct);
    expect((await present(almost, almost.code)).statusCode).toBe(200);

    const spent = await unverified();
    await guess(spent, 50, distinct);
    expect(await outcome(spent, spent.code)).toBe('400 code_invalid');
  });

  test('70 concurrent requests get no more than 50 attempts', async () => {
    const person = await unverified();
    await guess(person, 70, distinct);
    expect(await tries(person)).toEqual({ tries: 50, most: 1 });
    expect(await outcome(person, person.code)).toBe('400 code_invalid');
  });

  test('the right code works once, however many present it at the same moment', async () => {
    const person = await unverified();
    const attempts = Array.from({ length: 12 }, (_, index) => present(person, person.code, distinct(index)));
    const statuses = (await Promise.all(attempts)).map(({ statusCode }) => statusCode);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 400)).toHaveLength(11);
    const verified = (await world.events()).filter(({ target }) => target === `user ${person.userId}`);
    expect(verified.filter(({ action }) => action === 'user.email_verified')).toHaveLength(1);
  });

  test('a new code starts again', async () => {
    const person = await unverified();
    await guess(person, 5);
    const request = { token: person.token, body: { userId: person.userId } };
    expect((await world.call('POST', `${url}-request`, request)).statusCode).toBe(200);
    const { code = '' } = await world.mail(person.email);
    expect((await present(person, code)).statusCode).toBe(200);
  });
});

describe('stored data of a code', () => {
  test('is not the code, and cannot be found by trying all codes without the master key', async () => {
    const person = await unverified();
    const [row] = await app.db.query<{ code_hash: Buffer; token_hash: Buffer }>(
      sql`SELECT code_hash, token_hash FROM codes WHERE user_id = ${person.userId}`,
    );
    expect([row?.code_hash.length, row?.token_hash.length]).toEqual([32, 32]);
    expect(row?.code_hash.toString()).not.toContain(person.code);
    const [mail] = await app.db.query<{ sealed_content: Buffer }>(
      sql`SELECT sealed_content FROM mails WHERE user_id = ${person.userId}`,
    );
    expect(mail?.sealed_content.toString()).not.toContain(person.code);
  });
});
