import { Readable } from 'node:stream';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { Command } from 'commander';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { getApp } from '../apps/apps.store.ts';
import { bootstrap } from '../bootstrap.ts';
import { type Db, type Log, sql } from '../db/db.ts';
import { addAdminCommands } from '../operate/admins.ts';
import { routes } from '../routes.ts';
import { openTestDatabase } from '../test/database.ts';
import { hashParts, RangeServer } from '../test/range-server.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { runTask } from '../test/tasks.ts';
import { createWorld, password, problem, type World } from '../test/world/world.ts';
import { breachCheckTimeoutMs } from './breached-passwords.ts';

const breached = 'Tr0ub4dor&3-of-a-breach';
const unknown = 'a-password-without-a-breach';
const detail = 'The password appeared in a data breach.';
const users = '/v1/authentication/users';

let ranges: RangeServer;
let app: TestApp;
let world: World;
let openTransactions = 0;
let logged: { message: string; details: Record<string, unknown> }[] = [];
let counter = 0;

const log: Log = (_, message, details) => void logged.push({ message, details });

/** Counts the transactions that are open. */
const watched = (db: Db): Db => ({
  engine: db.engine,
  load: () => db.load(),
  query: (...args) => db.query(...args),
  async transaction(work) {
    openTransactions += 1;
    try {
      return await db.transaction(work);
    } finally {
      openTransactions -= 1;
    }
  },
  close: () => db.close(),
});

beforeAll(async () => {
  ranges = await RangeServer.start();
  const db = watched(await openTestDatabase());
  app = await buildTestApp({ db, log, env: { BREACHED_PASSWORDS_URL: ranges.url } });
  world = await createWorld(app);
});
beforeEach(() => {
  ranges.add(breached);
  ranges.add(unknown, 0);
  ranges.respond = undefined;
  ranges.calls.length = 0;
  logged = [];
});
afterEach(() => expect(openTransactions).toBe(0));
afterAll(async () => {
  await app?.close();
  await ranges?.stop();
});

const newAddress = () => `breached-${(counter += 1)}@example.com`;
const signUp = (newPassword: string, email = newAddress()) =>
  world.call('POST', users, { body: { firstName: 'Jon', lastName: 'Doe', email, password: newPassword } });
async function outcomes() {
  const { body } = await world.call('GET', '/metrics');
  const lines = [...body.matchAll(/^gatehouse_breached_password_checks_total\{outcome="(\w+)"\} (\d+)$/gm)];
  return Object.fromEntries(lines.map(([, outcome = '', count]) => [outcome, Number(count)] as const));
}
/** How the counters changed during `work`. */
async function counted(work: () => Promise<unknown>) {
  const before = await outcomes();
  await work();
  const after = await outcomes();
  return Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]));
}
const invite = async (email: string) => {
  const orgId = await world.organization(await world.person());
  const body = { email, firstName: 'Jane', lastName: 'Roe' };
  await world.call('POST', `/v1/authorization/organizations/${orgId}/owners`, { token: world.admin.token, body });
  return { orgId, verificationCode: (await world.mail(email)).code };
};

/** Prepares one operation that sets a password. @returns its call */
type Way = () => Promise<(newPassword: string) => ReturnType<World['call']>>;

const ways: Readonly<Record<string, Way>> = {
  signUp: async () => (newPassword) => signUp(newPassword),
  resetPassword: async () => {
    const { email } = await world.person();
    await world.call('POST', `${users}/password/reset-request/email`, { body: { email } });
    await runTask(app, sendPasswordResets);
    const { code: verificationCode } = await world.mail(email);
    return (newPassword) => world.call('PUT', `${users}/password`, { body: { email, verificationCode, newPassword } });
  },
  changePassword: async () => {
    const { userId, token } = await world.person();
    return (newPassword) =>
      world.call('PUT', `${users}/${userId}/password`, { token, body: { currentPassword: password, newPassword } });
  },
  acceptInvitation: async () => {
    const email = newAddress();
    const invitation = await invite(email);
    return (newPassword) => world.call('PUT', `${users}/invite`, { body: { email, ...invitation, newPassword } });
  },
  acceptInvitationByPost: async () => {
    const email = newAddress();
    const invitation = await invite(email);
    return (newPassword) => world.call('POST', `${users}/invite`, { body: { email, ...invitation, newPassword } });
  },
  createApp: async () => {
    const name = `breached-${(counter += 1)}`;
    return (adminPassword) =>
      world.operate('POST', '/v1/platform/apps', {
        name,
        displayName: name,
        adminEmail: `admin@${name}.example`,
        adminPassword,
      });
  },
};
/** The first password in a session with fresh authentication, which has no separate operation. */
const firstPassword: Way = async () => {
  const { userId, token } = await world.person();
  await app.db.query(sql`UPDATE users SET password_hash = NULL WHERE app_id = ${world.appId} AND id = ${userId}`);
  return (newPassword) => world.call('PUT', `${users}/${userId}/password`, { token, body: { newPassword } });
};
const allWays = Object.entries({ ...ways, 'changePassword without a password': firstPassword });

/** The stored passwords of all apps. */
const stored = () => app.db.query(sql`SELECT id, password_hash FROM users ORDER BY id`);

it('covers every operation that can refuse a password', () => {
  const declared = routes.filter(({ errors = [] }) => errors.includes('password_too_weak'));
  expect(declared.map(({ operationId }) => operationId).toSorted()).toEqual(Object.keys(ways).toSorted());
});

describe.each(allWays)('%s', (_, prepare) => {
  it('refuses a password that appeared in a breach, changes nothing, and then accepts another', async () => {
    const set = await prepare();
    const before = await stored();
    ranges.calls.length = 0;
    const openDuringCall: number[] = [];
    ranges.respond = (response, body) => {
      openDuringCall.push(openTransactions);
      response.end(body);
    };
    const changes = await counted(async () => {
      const response = await set(breached);
      expect(problem(response)).toBe('400 password_too_weak');
      expect(response.json<{ detail: string }>().detail).toBe(detail);
      expect(await stored()).toEqual(before);
      expect((await set(unknown)).statusCode).toBeLessThan(300);
    });
    expect(await stored()).not.toEqual(before);
    expect(changes).toEqual({ breached: 1, clean: 1, failed: 0 });
    expect(openDuringCall).toEqual([0, 0]);
    expect(logged).toEqual([]);
  });

  it('accepts the password if the server is broken', async () => {
    const set = await prepare();
    ranges.respond = (response) => response.writeHead(500).end();
    expect(await counted(async () => expect((await set(breached)).statusCode).toBeLessThan(300))).toEqual({
      breached: 0,
      clean: 0,
      failed: 1,
    });
  });
});

describe('a command of the operator', () => {
  const operate = (words: readonly string[], stdin: string) => {
    const program = new Command().exitOverride();
    addAdminCommands(program, {
      withApp: async (name, work) => work(app.services, await getApp(app.db, name)),
      print: () => {},
      input: Readable.from([stdin]),
    });
    return program.parseAsync(['node', 'operate', ...words]);
  };

  it.each(['reset-admin-password', 'create-admin'])('%s refuses a breached password', async (command) => {
    const email = command === 'create-admin' ? newAddress() : world.admin.email;
    const before = await stored();
    await expect(operate([command, world.appName, email, '--password-stdin'], breached)).rejects.toThrow(detail);
    expect(await stored()).toEqual(before);
  });
});

it('the first start refuses a breached password of the super admin', async () => {
  const env = { BOOTSTRAP_ADMIN_EMAIL: 'admin@example.com', BOOTSTRAP_ADMIN_PASSWORD: breached };
  const other = await buildTestApp({ env: { ...env, BREACHED_PASSWORDS_URL: ranges.url } });
  await expect(bootstrap(other.services)).rejects.toThrow(`BOOTSTRAP_ADMIN_PASSWORD is too weak: ${detail}`);
  await other.close();
});

describe('the call to the server', () => {
  it('sends five digits of the hash and requests padding', async () => {
    await signUp(unknown);
    const { prefix, suffix } = hashParts(unknown);
    expect(ranges.calls.map(({ path }) => path)).toEqual([`/range/${prefix}`]);
    expect(ranges.calls[0]?.headers['add-padding']).toBe('true');
    expect(JSON.stringify(ranges.calls)).not.toContain(suffix);
    expect(JSON.stringify(ranges.calls)).not.toContain(unknown);
  });

  it('is the same for a composed and a decomposed character', async () => {
    ranges.add('caf\u00e9-au-lait-breach');
    expect(problem(await signUp('cafe\u0301-au-lait-breach'))).toBe('400 password_too_weak');
  });

  it('is not done at sign-in, with a wrong current password, or for a password that is refused anyway', async () => {
    const { email, userId, token } = await world.person();
    ranges.calls.length = 0;
    ranges.add(password);
    const signIn = await world.call('POST', `${users}/sessions`, { body: { email, password } });
    expect(signIn.statusCode).toBe(201);
    const body = { currentPassword: 'wrong', newPassword: breached };
    expect(problem(await world.call('PUT', `${users}/${userId}/password`, { token, body }))).toBe(
      '403 current_password_wrong',
    );
    const forged = { email, verificationCode: 'AAAAAAA', newPassword: breached };
    expect(problem(await world.call('PUT', `${users}/password`, { body: forged }))).toBe('400 code_invalid');
    expect(problem(await world.call('PUT', `${users}/invite`, { body: { ...forged, orgId: '1' } }))).toBe(
      '400 code_invalid',
    );
    expect(problem(await signUp('password123'))).toBe('400 password_too_weak');
    expect(ranges.calls).toEqual([]);
    ranges.add(password, 0);
  });

  it('does not wait for other calls', async () => {
    const held: (() => void)[] = [];
    ranges.respond = (response, body) => {
      held.push(() => response.end(body));
      if (held.length === 4) for (const release of held) release();
    };
    const changes = await counted(async () => {
      const responses = await Promise.all([breached, breached, unknown, unknown].map((given) => signUp(given)));
      expect(responses.map(({ statusCode }) => statusCode)).toEqual([400, 400, 201, 201]);
    });
    expect(changes).toEqual({ breached: 2, clean: 2, failed: 0 });
  });

  it('is not made without a URL', async () => {
    const other = await buildTestApp({ db: app.db });
    const elsewhere = await createWorld(other);
    ranges.calls.length = 0;
    const body = { firstName: 'Jon', lastName: 'Doe', email: newAddress(), password: breached };
    expect((await elsewhere.call('POST', users, { body })).statusCode).toBe(201);
    expect(ranges.calls).toEqual([]);
    await other.app.close();
  });
});

describe('a response', () => {
  it.each<[string, (body: string) => string]>([
    ['in lower case', (body) => body.toLowerCase()],
    ['with plain line ends and a last one', (body) => `${body.replaceAll('\r', '')}\n`],
  ])('the response %s is counted', async (_, change) => {
    ranges.respond = (response, body) => response.end(change(body));
    expect(problem(await signUp(breached))).toBe('400 password_too_weak');
  });

  it('lists padding, which does not count', async () => {
    ranges.add(breached, 0);
    expect(await counted(() => signUp(breached))).toEqual({ breached: 0, clean: 1, failed: 0 });
  });

  const { suffix } = hashParts(breached);
  it.each<[string, (response: ServerResponse, body: string) => unknown, RegExp]>([
    ['never comes', () => {}, /did not respond completely before the timeout/],
    ['never ends', (response, body) => response.write(body), /did not respond completely before the timeout/],
    ['breaks off', (response, body) => (response.write(body), response.destroy()), /could not be reached/],
    ['is an error', (response, body) => response.writeHead(503).end(body), /status 503/],
    ['is not found', (response) => response.writeHead(404).end(), /status 404/],
    ['is a redirect', (response) => response.writeHead(302, { location: ranges.url }).end(), /could not be reached/],
    ['is empty', (response) => response.end(), /not a list/],
    ['is a page', (response) => response.end(`<html>${suffix}:3</html>`), /not a list/],
    ['has a line that is garbage', (response, body) => response.end(`${body}\r\ngarbage`), /not a list/],
    ['is binary', (response) => response.end(Buffer.from([0, 255, 254, 10, 13])), /not a list/],
    [
      'is huge',
      (response, body) => response.end(`${body}\r\n${`${'0'.repeat(35)}:1\r\n`.repeat(9000)}`),
      /more than \d+ bytes/,
    ],
    [
      'is huge once it is unpacked',
      (response, body) =>
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(body + '\r\n'.repeat(5_000_000))),
      /more than \d+ bytes/,
    ],
  ])('a response that %s lets the password pass and is counted', async (_, respond, reason) => {
    ranges.respond = respond;
    const changes = await counted(async () => expect((await signUp(breached)).statusCode).toBe(201));
    expect(changes).toEqual({ breached: 0, clean: 0, failed: 1 });
    expect(logged).toEqual([
      {
        message: 'a new password could not be looked up in breaches and was accepted',
        details: { reason: expect.stringMatching(reason) },
      },
    ]);
    expect(JSON.stringify(logged)).not.toMatch(new RegExp(`${hashParts(breached).prefix}|Tr0ub4dor|range`, 'i'));
  });

  it('may take at most a second', () => {
    expect(breachCheckTimeoutMs).toBe(1000);
  });
});

it('passwords are accepted while the server is down', async () => {
  const gone = await RangeServer.start();
  const { url } = gone;
  await gone.stop();
  const other = await buildTestApp({ db: app.db, log, env: { BREACHED_PASSWORDS_URL: url } });
  const elsewhere = await createWorld(other);
  logged = [];
  const body = { firstName: 'Jon', lastName: 'Doe', email: newAddress(), password: breached };
  expect((await elsewhere.call('POST', users, { body })).statusCode).toBe(201);
  expect(logged.map(({ details }) => details)).toEqual([{ reason: 'The server could not be reached.' }]);
  await other.app.close();
});
