import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deleteEventsBefore } from '../audit/events.store.ts';
import { deleteExpiredCodes, deleteAttemptsWithoutCode } from '../codes/codes.store.ts';
import { deleteExpiredDevices } from '../devices/devices.store.ts';
import { deleteOldMails, takeDueMails } from '../email/delivery.store.ts';
import { deleteExpiredIntents } from '../federation/intents.store.ts';
import { deleteExpiredAnswers } from '../idempotency/idempotency.store.ts';
import { leaseNode } from '../ids.ts';
import { deleteFullQuotas } from '../limits/limits.store.ts';
import { deleteExpiredPasskeyChallenges } from '../passkeys/passkey-challenges.store.ts';
import { deleteEndedSessions } from '../sessions/sessions.store.ts';
import { deleteExpiredExchanges } from '../exchanges/exchanges.store.ts';
import { deleteExpiredChallenges } from '../sign-in/mfa-challenges.store.ts';
import { openTestDatabase } from '../test/database.ts';
import { recordingDb, type RecordingDb } from '../test/recording-db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { takePasswordResetRequest } from '../accounts/password-reset-requests.store.ts';
import { takeSignInCodeRequest } from '../sign-in/sign-in-code-requests.store.ts';
import { type Queryable, raw, type Sql, sql, type Tx } from './db.ts';

/** The maximum number of rows that a statement may process: a few of many. */
const limit = 3;
const now = new Date('2026-03-01T00:00:00Z');
const before = sql`${new Date('2026-01-01T00:00:00Z')}::timestamptz + n * interval '1 second'`;

let db: RecordingDb;
let app: TestApp;
let world: World;
let idpId: string;

beforeAll(async () => {
  db = recordingDb(await openTestDatabase());
  app = await buildTestApp({ db });
  world = await createWorld(app);
  idpId = '77';
  await db.query(sql`
    INSERT INTO identity_providers (app_id, id, type, name, issuer, client_id, sealed_client_secret, scopes,
      trust_email, enabled, created_at, updated_at)
    VALUES (${world.appId}, ${idpId}, 'oidc', 'Acme', 'https://id.example', 'gatehouse', '\\x00', '{openid}', false, true,
      ${now}, ${now})`);
});
afterAll(() => app?.close());

interface Case {
  readonly name: string;
  readonly table: string;
  /** Inserts one row for each `n` of `numbers`. */
  readonly fill: (numbers: Sql) => Sql;
  /** The rows that the statement has not processed. */
  readonly left?: Sql;
  /** The maximum number of processed rows. Default: `limit`. */
  readonly takes?: number;
  /** @returns the number of rows that the statement reports as processed */
  readonly run: (tx: Tx) => Promise<number>;
}

const mails = (state: Sql, settledAt: Sql) => (numbers: Sql) =>
  sql`
  INSERT INTO mails (app_id, id, user_id, recipient, purpose, created_at, due_at, give_up_at, state, settled_at)
  SELECT ${world.appId}, n, ${world.admin.userId}, 'jon@example.com', 'password_changed', ${before}, ${before},
    ${before},
    ${state}, ${settledAt} FROM ${numbers}`;
const oldMails = (tx: Queryable) => deleteOldMails(tx, { settledBefore: now, waitingSince: now, limit });

const cases: readonly Case[] = [
  {
    name: 'takes one request for a password reset',
    table: 'password_reset_requests',
    fill: (numbers) => sql`
      INSERT INTO password_reset_requests (app_id, id, email_key, ip, request_id, created_at)
      SELECT ${world.appId}, n, 'jon@example.com', '127.0.0.1', 'r', ${now} FROM ${numbers}`,
    takes: 1,
    run: async (tx) => ((await takePasswordResetRequest(tx, '0')) ? 1 : 0),
  },
  {
    name: 'takes one request for a sign-in code',
    table: 'sign_in_code_requests',
    fill: (numbers) => sql`
      INSERT INTO sign_in_code_requests (app_id, id, email_key, ip, device_hashes, browser_hash, request_id, created_at)
      SELECT ${world.appId}, n, 'jon@example.com', '127.0.0.1', '{}', '\\x00', 'r', ${now} FROM ${numbers}`,
    takes: 1,
    run: async (tx) => ((await takeSignInCodeRequest(tx, '0')) ? 1 : 0),
  },
  {
    name: 'takes due mails',
    table: 'mails',
    fill: mails(sql`'QUEUED'`, sql`NULL`),
    left: sql`attempts = 0`,
    run: async (tx) => (await takeDueMails(tx, { now, leaseUntil: now, limit })).length,
  },
  {
    name: 'deletes settled mails',
    table: 'mails',
    fill: mails(sql`'SENT'`, before),
    run: oldMails,
  },
  { name: 'deletes mails that waited too long', table: 'mails', fill: mails(sql`'QUEUED'`, sql`NULL`), run: oldMails },
  {
    name: 'deletes full quotas',
    table: 'rate_limits',
    fill: (numbers) => sql`
      INSERT INTO rate_limits (app_id, key_hash, full_at)
      SELECT ${world.appId}, int8send(n), ${before} FROM ${numbers}`,
    run: (tx) => deleteFullQuotas(tx, now, limit),
  },
  {
    name: 'deletes old audit events',
    table: 'audit_events',
    fill: (numbers) => sql`
      INSERT INTO audit_events (app_id, id, time, action, actor_kind, target_kind, changes)
      SELECT ${world.appId}, n, ${before}, 'noun.verbed', 'user', 'user', '{}' FROM ${numbers}`,
    run: (tx) => deleteEventsBefore(tx, world.appId, now, limit),
  },
  {
    name: 'deletes ended sessions',
    table: 'sessions',
    fill: (numbers) => sql`
      INSERT INTO sessions (app_id, id, user_id, token_hash, amr, authenticated_at, created_at, last_seen_at,
        expires_at,
        idle_expires_at)
      SELECT ${world.appId}, n, ${world.admin.userId}, int8send(n), '{pwd}', ${before}, ${before}, ${before}, ${before},
        ${before} FROM ${numbers}`,
    run: (tx) => deleteEndedSessions(tx, now, limit),
  },
  {
    name: 'deletes expired answers',
    table: 'idempotency_keys',
    fill: (numbers) => sql`
      INSERT INTO idempotency_keys (app_id, key_hash, user_id, request_hash, sealed_answer, expires_at)
      SELECT ${world.appId}, int8send(n), ${world.admin.userId}, '\\x00', '\\x00', ${before} FROM ${numbers}`,
    run: (tx) => deleteExpiredAnswers(tx, now, limit),
  },
  {
    name: 'deletes expired codes',
    table: 'codes',
    fill: (numbers) => sql`
      INSERT INTO codes (app_id, id, user_id, purpose, code_hash, created_at, expires_at)
      SELECT ${world.appId}, n, ${world.admin.userId}, 'password_reset', int8send(n), ${before}, ${before}
      FROM ${numbers}`,
    run: (tx) => deleteExpiredCodes(tx, now, limit),
  },
  {
    name: 'deletes old counts of attempts without a code',
    table: 'code_tries_in_vain',
    fill: (numbers) => sql`
      INSERT INTO code_tries_in_vain (app_id, address, tries, last_at)
      SELECT ${world.appId}, n::text, 1, ${before} FROM ${numbers}`,
    run: (tx) => deleteAttemptsWithoutCode(tx, now, limit),
  },
  {
    name: 'deletes expired devices',
    table: 'devices',
    fill: (numbers) => sql`
      INSERT INTO devices (app_id, token_hash, user_id, created_at, last_used_at, expires_at)
      SELECT ${world.appId}, int8send(n), ${world.admin.userId}, ${before}, ${before}, ${before} FROM ${numbers}`,
    run: (tx) => deleteExpiredDevices(tx, now, limit),
  },
  {
    name: 'deletes expired sign-ins',
    table: 'mfa_challenges',
    fill: (numbers) => sql`
      INSERT INTO mfa_challenges (app_id, token_hash, user_id, amr, device_hash, quota_names, quota_keys, created_at,
        expires_at)
      SELECT ${world.appId}, int8send(n), ${world.admin.userId}, '{pwd}', int8send(n), '{}', '{}', ${before}, ${before}
      FROM ${numbers}`,
    run: (tx) => deleteExpiredChallenges(tx, now, limit),
  },
  {
    name: 'deletes expired exchange codes',
    table: 'session_exchanges',
    fill: (numbers) => sql`
      WITH own AS (
        INSERT INTO sessions (app_id, id, user_id, token_hash, amr, authenticated_at, created_at, last_seen_at,
          expires_at, idle_expires_at)
        VALUES (${world.appId}, 9000000, ${world.admin.userId}, 'own', '{pwd}', now(), now(), now(), now(), now())
        ON CONFLICT DO NOTHING)
      INSERT INTO session_exchanges (app_id, code_hash, session_id, return_to, code_challenge, expires_at)
      SELECT ${world.appId}, int8send(n), 9000000, 'x', 'x', ${before} FROM ${numbers}`,
    run: (tx) => deleteExpiredExchanges(tx, now, limit),
  },
  {
    name: 'deletes expired challenges of passkeys',
    table: 'passkey_challenges',
    fill: (numbers) => sql`
      INSERT INTO passkey_challenges (app_id, challenge_hash, purpose, is_for_everybody, expires_at)
      SELECT ${world.appId}, int8send(n), 'sign_in', true, ${before} FROM ${numbers}`,
    run: (tx) => deleteExpiredPasskeyChallenges(tx, now, limit),
  },
  {
    name: 'deletes expired intents',
    table: 'idp_intents',
    fill: (numbers) => sql`
      INSERT INTO idp_intents (app_id, id, idp_id, success_url, failure_url, status, created_at, expires_at)
      SELECT ${world.appId}, n, ${idpId}, 'https://a.example', 'https://a.example', 'created', ${before}, ${before}
      FROM ${numbers}`,
    run: (tx) => deleteExpiredIntents(tx, now, limit),
  },
  {
    name: 'leases one node number',
    table: 'node_leases',
    fill: (numbers) => sql`INSERT INTO node_leases (id, leased_until) SELECT n, ${before} FROM ${numbers}`,
    left: sql`leased_until >= '2026-01-01'`,
    takes: 1,
    run: async (tx) => {
      // Closing returns this node number, whose lease expired long ago.
      const lease = await leaseNode({ ...db, query: (...args) => tx.query(...args) });
      await lease.close();
      return 1;
    },
  },
];

/** The join methods that the planner must not use. */
const plans: Readonly<Record<string, readonly string[]>> = {
  'the plan of its choice': [],
  'nested loops only': ['hashjoin', 'mergejoin', 'material'],
};

async function restrict(tx: Tx, plan: string): Promise<void> {
  for (const method of plans[plan] ?? []) await tx.query(raw(`SET LOCAL enable_${method} = off`));
}

/**
 * Fills the table of a case.
 *
 * @param size `nearly empty`: the statistics are those of a table of one row, so that the planner expects one row
 */
async function fill({ table, fill: insert }: Case, size: string): Promise<number> {
  const analysed = size === 'nearly empty' ? 1 : 900;
  const count = size === 'nearly empty' ? 8 : 900;
  await db.query(raw(`DELETE FROM ${table}`));
  await db.query(raw(`VACUUM ${table}`));
  await db.query(insert(sql`generate_series(1, ${analysed}::bigint) AS n`));
  await db.query(raw(`ANALYZE ${table}`));
  await db.query(insert(sql`generate_series(${analysed + 1}::bigint, ${count}::bigint) AS n`));
  return count;
}

async function countLeft(tx: Queryable, { table, left = sql`true` }: Case): Promise<number> {
  const [row] = await tx.query<{ count: number }>(
    sql`SELECT count(*)::integer AS count FROM ${raw(table)} WHERE ${left}`,
  );
  return row?.count ?? 0;
}

const sizes = ['nearly empty', 'full'];
const combinations = sizes.flatMap((size) => Object.keys(plans).map((plan): [string, string] => [size, plan]));

describe.each(cases)('a statement that $name', (tested) => {
  test.each(combinations)('the table is %s, the plan is %s: the statement takes its limit', async (size, plan) => {
    const count = await fill(tested, size);
    const { took, left } = await db.transaction(async (tx) => {
      await restrict(tx, plan);
      return { took: await tested.run(tx), left: await countLeft(tx, tested) };
    });
    const takes = tested.takes ?? limit;
    expect({ took, left }).toEqual({ took: takes, left: count - takes });
  });
});

test('these plans make a limit with locks in a sub-select take more', async () => {
  const tested = cases.find(({ table }) => table === 'password_reset_requests');
  if (tested === undefined) throw new Error('no case');
  const count = await fill(tested, 'nearly empty');
  const left = await db.transaction(async (tx) => {
    await restrict(tx, 'nested loops only');
    await tx.query(sql`
      DELETE FROM password_reset_requests r USING (
        SELECT app_id, id FROM password_reset_requests ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) AS next
      WHERE r.app_id = next.app_id AND r.id = next.id`);
    return countLeft(tx, tested);
  });
  expect(left).toBeLessThan(count - 1);
});

/**
 * The sub-select that ends at this position of a source, with the code before it; undefined if it is a separate
 * statement.
 */
function subSelectBefore(source: string, end: number): { opening: string; body: string } | undefined {
  for (let depth = 0, place = end - 1; source.slice(place - 3, place + 1) !== 'sql`'; place -= 1) {
    if (source[place] === ')') depth += 1;
    else if (source[place] === '(') depth -= 1;
    if (depth < 0) return { opening: source.slice(0, place), body: source.slice(place + 1, end) };
  }
  return undefined;
}

/** Every sub-select of the service that locks rows and has a limit. */
function boundedSubSelects(): { file: string; opening: string; body: string }[] {
  const directory = new URL('../', import.meta.url).pathname;
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  const ours = files.filter((file) => file.endsWith('.ts') && !/\.test\.ts$|^test\//.test(file));
  return ours.flatMap((file) => {
    const source = readFileSync(`${directory}${file}`, 'utf8');
    return [...source.matchAll(/\bFOR (?:NO KEY UPDATE|UPDATE|SHARE|KEY SHARE)\b[^)`]*/g)].flatMap((lock) => {
      const found = subSelectBefore(source, lock.index);
      const isBounded = /SKIP LOCKED/.test(lock[0]) || /\b(?:LIMIT|OFFSET|FETCH)\b/.test(found?.body ?? '');
      return found && isBounded ? [{ file, ...found }] : [];
    });
  });
}

// Otherwise the planner may run the sub-select once for each row of the table. Each run skips rows that the statement
// has already changed, and so selects further rows.
test('a sub-select with a limit and locks is a materialized CTE', () => {
  const others = boundedSubSelects().filter(({ opening }) => !/\bAS MATERIALIZED $/.test(opening));
  expect(others.map(({ file }) => file)).toEqual([]);
});

test('every one of them is in the cases above', async () => {
  db.take();
  for (const tested of cases) {
    await fill(tested, 'nearly empty');
    await db.transaction((tx) => tested.run(tx));
  }
  const limits = [...new Set(db.take())].flatMap((text) => text.match(/\bLIMIT \S+\s+FOR UPDATE SKIP LOCKED/g) ?? []);
  expect(limits).toHaveLength(boundedSubSelects().filter(({ body }) => body.includes('LIMIT')).length);
});
