import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { sql } from '../db/db.ts';
import { briefly, typescript } from '../test/child-process.ts';
import { makePlace, type ServicePlace } from '../test/service-place.ts';
import { startService } from '../test/service-process.ts';

// Each kill starts the whole service.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

const admin = { email: 'admin@example.com', password: 'Password@123JonDoeInc' };
const person = { firstName: 'Jon', lastName: 'Doe', email: 'jon.doe@example.com', password: 'Password@123JonDoeInc' };

let place: ServicePlace;
let env: Record<string, string>;

beforeAll(async () => {
  place = await makePlace();
  env = {
    MASTER_KEY: randomBytes(32).toString('base64'),
    BOOTSTRAP_APP: 'demo',
    BOOTSTRAP_ADMIN_EMAIL: admin.email,
    BOOTSTRAP_ADMIN_PASSWORD: admin.password,
    ...place.env,
  };
  const service = await startService(env);
  await service.call('POST', '/v1/authentication/users', { body: person });
  await service.stop();
  await place.onDatabase(async (db) => {
    await db.query(sql`
      UPDATE users SET has_factor = true, strongest_acr = 2, is_email_verified = true WHERE email = ${person.email}`);
    await db.query(sql`
      INSERT INTO factors (app_id, id, user_id, kind, name, sealed_secret, created_at, confirmed_at)
      SELECT app_id, id, id, 'totp', 'Phone', '\\x00', now(), now() FROM users WHERE email = ${person.email}`);
    await db.query(sql`
      INSERT INTO recovery_codes (app_id, user_id, code_hash, created_at)
      SELECT app_id, id, '\\x00', now() FROM users WHERE email = ${person.email}`);
    await db.query(sql`
      INSERT INTO factor_resets (app_id, user_id, id, requested_by, created_at, due_at)
      SELECT u.app_id, u.id, 1, a.id, now() - interval '2 days', now() - interval '1 day'
      FROM users u JOIN users a ON a.app_id = u.app_id AND a.email = ${admin.email} WHERE u.email = ${person.email}`);
  });
});
afterAll(() => place?.remove());

/** Applies due resets in a process that is killed meanwhile. @returns its output, and how it ended */
async function applyAndDie(when: string) {
  const script = fileURLToPath(new URL('../test/dying-task.ts', import.meta.url));
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [...briefly, ...typescript, script, when], {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { output, signal };
}

/** Numbers of the rows that a reset changes. */
const stored = () =>
  place.onDatabase(async (db) => {
    const [row] = await db.query<Record<string, boolean | string>>(sql`
      SELECT u.has_factor,
        (SELECT count(*) FROM factors WHERE user_id = u.id) AS factors,
        (SELECT count(*) FROM recovery_codes WHERE user_id = u.id) AS codes,
        (SELECT count(*) FROM sessions WHERE user_id = u.id) AS sessions,
        (SELECT count(*) FROM devices WHERE user_id = u.id) AS devices,
        (SELECT count(*) FROM factor_resets WHERE user_id = u.id) AS waiting,
        (SELECT count(*) FROM mails WHERE purpose = 'factors_reset') AS mails,
        (SELECT count(*) FROM audit_events WHERE action = 'factors.reset') AS events
      FROM users u WHERE u.email = ${person.email}`);
    return row;
  });

const untouched = {
  has_factor: true,
  factors: '1',
  codes: '1',
  sessions: '1',
  devices: '1',
  waiting: '1',
  mails: '0',
  events: '0',
};
const applied = {
  has_factor: false,
  factors: '0',
  codes: '0',
  sessions: '0',
  devices: '0',
  waiting: '0',
  mails: '1',
  events: '1',
};

test.each([
  'DELETE FROM factor_resets',
  'DELETE FROM factors',
  'DELETE FROM sessions',
  'INTO mails',
  'INTO audit_events',
])('a reset is unchanged if a process is killed after %s', async (statement) => {
  expect(await applyAndDie(statement)).toEqual({ output: '', signal: 'SIGKILL' });
  expect(await stored()).toEqual(untouched);
});

test('a reset is complete, and is not repeated, if a process is killed after the commit', async () => {
  expect(await applyAndDie('commit')).toEqual({ output: '', signal: 'SIGKILL' });
  expect(await stored()).toEqual(applied);
  expect(await applyAndDie('never')).toEqual({ output: 'done', signal: null });
  expect(await stored()).toEqual(applied);
});
