import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, type Mail, password, problem, type World } from '../test/world/world.ts';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';

const users = '/v1/authentication/users';
const newPassword = 'Secret@slidezAB';
const longCode = /^[A-HJKMNP-Z2-9]{26}$/;

let app: TestApp;
let world: World;
let counter = 0;

beforeAll(async () => {
  app = await buildTestApp({ env: { TRUST_PROXY: '1' } });
  world = await createWorld(app, { settings: { hostedPages: false } });
});
afterAll(() => app?.close());

/** The calls that request a mail with a code of each purpose, and that present the code. */
interface Purpose {
  /** @param link the URL template; undefined: the mail has none */
  readonly send: (link: string | undefined) => Promise<Mail>;
  readonly present: (verificationCode: string, address?: string) => ReturnType<World['call']>;
}

const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
const newest = async (to: string, purpose: string): Promise<Mail> => {
  const mail = (await world.mails(to)).find((found) => found.purpose === purpose);
  if (!mail) throw new Error(`no mail of ${purpose} to ${to}`);
  return mail;
};
const freshEmail = () => `long-${(counter += 1)}@example.com`;

async function verification(): Promise<Purpose> {
  const { userId, token, email } = await world.person({ email: freshEmail(), verified: false });
  return {
    send: async (verificationUrl) => {
      await world.call('POST', `${users}/email/verification-request`, { token, body: { userId, verificationUrl } });
      return newest(email, 'email_verification');
    },
    present: (verificationCode, address = '192.0.2.1') =>
      world.call('POST', `${users}/email/verification`, {
        token,
        body: { userId, verificationCode },
        ...from(address),
      }),
  };
}

const resetOf = (email: string): Purpose['present'] => {
  return (verificationCode, address = '192.0.2.1') =>
    world.call('PUT', `${users}/password`, { body: { email, verificationCode, newPassword }, ...from(address) });
};

async function reset(): Promise<Purpose> {
  const { email } = await world.person({ email: freshEmail() });
  return {
    send: async (resetUrl) => {
      const address = `198.51.100.${(counter += 1) % 250}`;
      await world.call('POST', `${users}/password/reset-request/email`, {
        body: { email, resetUrl },
        ...from(address),
      });
      await runTask(app, sendPasswordResets);
      return newest(email, 'password_reset');
    },
    present: resetOf(email),
  };
}

async function invitation(): Promise<Purpose> {
  const email = freshEmail();
  const orgId = await world.organization(await world.person());
  const body = { email, firstName: 'Jane', lastName: 'Roe', role: 'reader' };
  return {
    send: async (inviteUrl) => {
      const at = `/v1/authorization/organizations/${orgId}/members`;
      await world.call('POST', at, { token: world.admin.token, body: { ...body, inviteUrl } });
      return newest(email, 'invitation');
    },
    present: (verificationCode, address = '192.0.2.1') =>
      world.call('PUT', `${users}/invite`, {
        body: { orgId, email, verificationCode, newPassword },
        ...from(address),
      }),
  };
}

async function emailChange(): Promise<Purpose> {
  const { token } = await world.person();
  const newEmail = freshEmail();
  return {
    send: async () => {
      await world.call('POST', `${users}/me/email`, { token, body: { newEmail, currentPassword: password } });
      return newest(newEmail, 'email_change');
    },
    present: (verificationCode, address = '192.0.2.1') =>
      world.call('PUT', `${users}/me/email`, { token, body: { verificationCode }, ...from(address) }),
  };
}

async function superAdmin(): Promise<Purpose> {
  const email = freshEmail();
  return {
    send: async (resetUrl) => {
      const body = { email, resetUrl };
      await world.call('POST', '/v1/authorization/super-admins', { token: world.admin.token, body });
      return newest(email, 'super_admin_invited');
    },
    present: resetOf(email),
  };
}

const purposes: [name: string, prepare: () => Promise<Purpose>, hasLink: boolean, kept: number][] = [
  ['verification', verification, true, 1],
  ['password reset', reset, true, 3],
  ['invitation', invitation, true, 10],
  ['change of address', emailChange, false, 1],
  ['super-admin invitation', superAdmin, true, 3],
];

const template = 'http://localhost/?code={{code}}';
const codeOfLink = ({ url = 'http://none/' }: Mail) => new URL(url).searchParams.get('code') ?? '';
const grouped = /^(?:[A-HJKMNP-Z2-9]{4}-){6}[A-HJKMNP-Z2-9]{2}$/m;
const codeOfText = ({ text }: Mail) => (grouped.exec(text)?.[0] ?? 'none').replaceAll('-', '');
const longCodeOf = (mail: Mail) => (mail.url === undefined ? codeOfText(mail) : codeOfLink(mail));
/** 50 wrong guesses of each short code, which exhaust its attempts. */
const guess = async (present: Purpose['present']) => {
  const addresses = Array.from({ length: 50 }, (_, index) => `203.0.113.${index}`);
  await Promise.all(addresses.map((address) => present('AAAAAAA', address)));
};

describe.each(purposes)('a mail of a %s', (_, prepare, hasLink, kept) => {
  test('has the short code, and the long one in its link or, without a link, in its text in groups', async () => {
    const { send } = await prepare();
    const plain = await send(undefined);
    expect(plain.code).toMatch(/^[A-HJKMNP-Z2-9]{7}$/);
    expect(codeOfText(plain)).toMatch(longCode);
    expect(plain.html).toMatch(/>\s*(?:[A-HJKMNP-Z2-9]{4}-){6}[A-HJKMNP-Z2-9]{2}\s*</);
    if (!hasLink) return;
    const linked = await send(template);
    expect(linked.code).toMatch(/^[A-HJKMNP-Z2-9]{7}$/);
    expect(codeOfLink(linked)).toMatch(longCode);
    expect(linked.text).toContain(linked.code);
    expect(linked.text).not.toMatch(grouped);
  });

  test('the long code is valid after all attempts with the short code', async () => {
    const { send, present } = await prepare();
    const mail = await send(hasLink ? template : undefined);
    await guess(present);
    expect(problem(await present(mail.code ?? ''))).toBe('400 code_invalid');
    expect((await present(longCodeOf(mail))).statusCode).toBe(200);
  });

  test('is good by its long code however many came after it, in groups and lower case too', async () => {
    const { send, present } = await prepare();
    const first = await send(undefined);
    for (let count = 0; count < kept; count += 1) {
      await send(undefined);
      // Another reset is sent once the attempts of the earlier codes are exhausted.
      await guess(present);
    }
    expect(problem(await present(first.code ?? ''))).toBe('400 code_invalid');
    const typed = codeOfText(first).toLowerCase().replace(/.{5}/g, '$& ');
    expect((await present(typed)).statusCode).toBe(200);
  });

  test('is void, by every code of every mail, once a code of its purpose was used', async () => {
    const { send, present } = await prepare();
    const mails = [await send(undefined), await send(undefined)];
    expect((await present(longCodeOf(mails[0] as Mail))).statusCode).toBe(200);
    for (const mail of mails) {
      for (const code of [mail.code ?? '', longCodeOf(mail)]) {
        expect(problem(await present(code))).toBe('400 code_invalid');
      }
    }
  });

  test('is not good by the long code of another purpose or person', async () => {
    const { present } = await prepare();
    const others = [await prepare(), await verification(), await reset(), await invitation()];
    for (const other of others) {
      const code = longCodeOf(await other.send(undefined));
      expect(problem(await present(code))).toBe('400 code_invalid');
    }
  });
});

describe('a long code', () => {
  test('works once, however many present it at the same moment', async () => {
    const { send, present } = await reset();
    const code = longCodeOf(await send(template));
    const answers = await Promise.all(Array.from({ length: 8 }, () => present(code)));
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([200, ...Array(7).fill(400)]);
  });

  test('is not good after the life of its purpose', async () => {
    const { send, present } = await reset();
    const code = longCodeOf(await send(template));
    app.clock.advance(3_600_000);
    expect(problem(await present(code))).toBe('400 code_invalid');
  });

  test('has no separate count; wrong ones count for the client address, the correct one never does', async () => {
    const few = await createWorld(app, {
      settings: { hostedPages: false, limits: { wrongLongCodesPerAddressPerHour: 3 } },
    });
    const email = freshEmail();
    await few.person({ email });
    await few.call('POST', `${users}/password/reset-request/email`, { body: { email, resetUrl: template } });
    await runTask(app, sendPasswordResets);
    const right = longCodeOf((await few.mails(email))[0] as Mail);
    const attempt = (verificationCode: string, address: string, to = email) =>
      few.call('PUT', `${users}/password`, { body: { email: to, verificationCode, newPassword }, ...from(address) });
    const answers: string[] = [];
    for (let count = 0; count < 4; count += 1) answers.push(problem(await attempt('A'.repeat(26), '203.0.113.7')));
    expect(answers).toEqual([...Array<string>(3).fill('400 code_invalid'), '429 rate_limited']);
    expect(problem(await attempt('A'.repeat(26), '203.0.113.7', 'nobody@example.com'))).toBe('429 rate_limited');
    expect(problem(await attempt('A'.repeat(26), '203.0.113.8'))).toBe('400 code_invalid');
    const tried = sql`SELECT tries FROM codes WHERE app_id = ${few.appId} AND purpose = 'password_reset'`;
    expect(await app.db.query(tried)).toEqual([{ tries: 0 }]);
    expect((await attempt(right, '203.0.113.7')).statusCode).toBe(200);
  });

  test('is stored as a keyed hash, found by an index', async () => {
    const { send } = await reset();
    const code = longCodeOf(await send(template));
    const rows = await app.db.query<{ long_hash: Buffer }>(
      sql`SELECT long_hash FROM codes WHERE long_hash IS NOT NULL`,
    );
    expect(new Set(rows.map(({ long_hash: hash }) => hash.length))).toEqual(new Set([32]));
    expect(rows.map(({ long_hash: hash }) => hash.toString('latin1')).join()).not.toContain(code);
    const plan = await app.db.transaction(async (tx) => {
      // Many codes of one app and user, with statistics: with few rows the planner may choose any index.
      await tx.query(sql`
        INSERT INTO codes (app_id, id, user_id, purpose, long_hash, created_at, expires_at)
        SELECT c.app_id, n, c.user_id, c.purpose, sha256(n::text::bytea), c.created_at, c.expires_at
        FROM (SELECT * FROM codes WHERE app_id = ${world.appId} AND long_hash IS NOT NULL LIMIT 1) AS c,
          generate_series(1, 2000) AS n`);
      await tx.query(sql`ANALYZE codes`);
      const found = await tx.query(sql`
        EXPLAIN SELECT id FROM codes
        WHERE app_id = ${world.appId} AND long_hash = ANY (${[Buffer.alloc(32)]}::bytea[])`);
      await tx.query(sql`DELETE FROM codes WHERE app_id = ${world.appId} AND id <= 2000`);
      return found;
    });
    expect(JSON.stringify(plan)).toContain('codes_long_hash_key');
  });
});

describe('a person without a known device', () => {
  const strangers = (index: number) => `203.0.${Math.floor(index / 250)}.${(index % 250) + 1}`;

  test('is not kept out by sign-ins, resets and guesses of strangers, by the newest mail or the oldest', async () => {
    const limits = {
      signInsPerAccountPerHour: 20,
      codeRequestsPerAccountPerHour: 10,
      codeRequestsPerAddressPerHour: 1000,
      signInsPerAddressPerHour: 1000,
    };
    for (const pick of ['newest', 'oldest'] as const) {
      const victims = await createWorld(app, { settings: { hostedPages: false, limits } });
      const email = freshEmail();
      await victims.person({ email });
      const signIn = (given: string, address: string, device?: string) =>
        victims.call('POST', `${users}/sessions`, {
          body: { email, password: given },
          headers: { ...from(address).headers, ...(device !== undefined && { 'x-device-token': device }) },
        });
      for (let index = 0; index < 22; index += 1) await signIn('Wrong@guess12345', strangers(index));
      expect(problem(await signIn(password, '192.0.2.50'))).toBe('429 too_many_attempts');
      const put = (verificationCode: string, address: string) =>
        victims.call('PUT', `${users}/password`, {
          body: { email, verificationCode, newPassword },
          ...from(address),
        });
      let guesses = 0;
      for (let asked = 0; asked < 10; asked += 1) {
        const body = { email, resetUrl: template };
        await victims.call('POST', `${users}/password/reset-request/email`, { body, ...from(strangers(asked)) });
        await runTask(app, sendPasswordResets);
        const addresses = Array.from({ length: 45 }, () => strangers((guesses += 1)));
        await Promise.all(addresses.map((address) => put('AAAAAAA', address)));
      }
      expect(guesses).toBe(450);
      // The owner requests a code too. The existing codes stay valid, whether or not another mail is sent.
      await victims.call('POST', `${users}/password/reset-request/email`, { body: { email }, ...from('192.0.2.50') });
      await runTask(app, sendPasswordResets);
      const mails = (await victims.mails(email)).filter(({ url }) => url !== undefined);
      expect(mails.length).toBeGreaterThan(0);
      const mail = mails.at(pick === 'newest' ? 0 : -1) as Mail;
      const done = await put(codeOfLink(mail), '192.0.2.50');
      expect(done.statusCode).toBe(200);
      for (let index = 0; index < 22; index += 1) await signIn('Wrong@guess12345', strangers(index));
      const device = String(done.headers['x-device-token']);
      expect((await signIn(newPassword, '192.0.2.50', device)).statusCode).toBe(201);
    }
  });
});
