import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { raw, type Sql, sql, type Tx } from '../db/db.ts';
import { replaceSealedMail } from '../email/mails.store.ts';
import { generateSigningKey, revokeKey, rotateSigningKey } from '../keys/signing-keys.ts';
import {
  keySets,
  listPublishedKeys,
  listSigningKeys,
  replaceSealedKey,
  someKeySigns,
  type StoredSigningKey,
} from '../keys/signing-keys.store.ts';
import { type Case, cases } from './samples/samples.ts';
import { digestOfApp, traitsOfApp } from './digest.ts';
import { isAppNamed, outcomeOf, perform, type Prepared } from './samples/sample.ts';
import { createStage, freshenSessions, type Stage } from './samples/stage.ts';
import { openTestDatabase } from './database.ts';
import { recordingDb, type RecordingDb } from './recording-db.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import { bodyOf } from './tenancy.exchange.ts';
import { clearApp, fillApp, type Rows, type Table, tablesOfApps, takeRows } from './tenancy.twin.ts';
import type { UndoableDb } from './undo.ts';
import { createWorld, password, problem } from './world/world.ts';

// Two apps have the same ids, keys and hashes. The test removes rows of our app, and the twin still has them. A
// response that depends on the twin, or a change of the twin, means that a statement lacks the condition on the app.

let app: TestApp;
let undoable: UndoableDb;
let db: RecordingDb;
let stage: Stage;
let tables: Table[];
let ourId: string;
let ourRows: Rows;
/** The older of the two, and first in every table, so that a query without the condition on the app finds it first. */
let twinId: string;

beforeAll(async () => {
  undoable = await openTestDatabase();
  db = recordingDb(undoable);
  app = await buildTestApp({ db });
  twinId = (await createWorld(app)).appId;
  const world = await createWorld(app);
  ourId = world.appId;
  stage = await createStage(world);
  tables = await tablesOfApps(app.db);
  ourRows = await takeRows(app.db, tables, ourId);
});
aroundEach((runTest) => undoable.undo(runTest));
afterAll(() => app?.close());

/** The rows that are removed from our app, in addition to all rows of a table: the table, the cause, and the rows. */
const flaws: Readonly<
  Record<string, readonly [table: string, flaw: Sql, rows?: (concerned: readonly string[]) => Sql]>
> = {
  'active users': ['users', sql`UPDATE users SET state = 'INACTIVE'`],
  'active users beside those concerned': ['users', sql`UPDATE users SET state = 'INACTIVE'`, others('id')],
  'verified addresses': ['users', sql`UPDATE users SET is_email_verified = false, claimed_by = NULL`],
  'claimed accounts': ['users', sql`UPDATE users SET claimed_by = NULL`],
  passwords: ['users', sql`UPDATE users SET password_hash = NULL`],
  'super admins': ['users', sql`UPDATE users SET is_super_admin = false`],
  'super admins beside those concerned': ['users', sql`UPDATE users SET is_super_admin = false`, others('id')],
  'super admins to be': ['users', sql`UPDATE users SET super_admin_invited_until = NULL`],
  owners: ['members', sql`UPDATE members SET is_owner = false`],
  'owners beside those concerned': ['members', sql`UPDATE members SET is_owner = false`, others('user_id')],
  managers: ['members', sql`UPDATE members SET is_manager = false`],
  'members who hold nothing': ['members', sql`DELETE FROM members`, () => sql`NOT is_owner AND NOT is_manager`],
  'organizations in service': ['organizations', sql`UPDATE organizations SET status = 'Inactive'`],
  'roles that allow something': ['roles', sql`UPDATE roles SET permissions = '{}'`],
  'pending invitations': ['invitations', sql`UPDATE invitations SET status = 'revoked'`],
  'live sessions': ['sessions', sql`UPDATE sessions SET expires_at = created_at`],
  'known devices': ['devices', sql`UPDATE devices SET expires_at = created_at`],
  'live codes': ['codes', sql`UPDATE codes SET expires_at = created_at`],
  'live secrets': ['machine_secrets', sql`UPDATE machine_secrets SET expires_at = created_at`],
  'keys that hold': ['signing_keys', sql`UPDATE signing_keys SET revoked_at = created_at`],
  'other keys that hold': ['oauth_signing_keys', sql`UPDATE oauth_signing_keys SET revoked_at = created_at`],
  'mails that wait': ['mails', sql`UPDATE mails SET due_at = created_at`],
  'providers in use': ['identity_providers', sql`UPDATE identity_providers SET enabled = false`],
};

function others(column: string) {
  return (concerned: readonly string[]): Sql => sql`${raw(column)} <> ALL (${[...concerned]}::bigint[])`;
}

/** Tables that decide nothing, and counters: missing rows only allow more. */
const inert = new Set(['audit_events', 'mails', 'code_tries', 'code_tries_in_vain', 'rate_limits']);

/** The rows that can be removed from these tables. */
const lackingIn = (read: ReadonlySet<string>): string[] => [
  ...Object.entries(flaws).flatMap(([what, [table]]) => (read.has(table) ? [what] : [])),
  ...[...read].filter((table) => !inert.has(table)),
];

/** The caller of a call, and its target. */
const concernedBy = ({ as, addressed, params = {} }: Prepared): string[] =>
  [as.id, addressed?.id, params['userId']].filter((id) => typeof id === 'string');

function lackOf(what: string, concerned: readonly string[]): Sql {
  const [, flaw = sql`DELETE FROM ${raw(what)}`, rows = () => sql`TRUE`] = flaws[what] ?? [];
  return sql`${flaw} WHERE app_id = ${ourId} AND ${rows(concerned)}`;
}

/** The app tables in statements. */
const tablesIn = (statements: readonly string[]): string[] =>
  tables.map(({ name }) => name).filter((name) => statements.some((text) => new RegExp(`\\b${name}\\b`).test(text)));

/** Long enough that the next use of a session or secret is recorded. */
const usedLongAgoMs = 120_000;

interface Outcome {
  readonly outcome: number | string;
  readonly body: unknown;
  /** The remaining rows of our app in the tables that the call uses. */
  readonly left: Readonly<Record<string, string>>;
}

/**
 * Makes the call in our app after rows were removed, and checks that the twin is unchanged. Records the tables that the
 * call reads.
 */
async function callLacking(
  { route }: Case,
  prepared: Prepared,
  twin: Readonly<Record<string, string>>,
  lacking: { what: string; read: Set<string> },
): Promise<Outcome> {
  if (lacking.what !== 'nothing') await app.db.query(lackOf(lacking.what, concernedBy(prepared)));
  db.take();
  const response = await perform(stage.world, route, prepared, { token: prepared.as.token });
  const named = tablesIn(db.take());
  for (const table of named) lacking.read.add(table);
  expect(twin).toMatchObject(await digestOfApp(app.db, twinId, named));
  expect(response.body).not.toContain('theirs:');
  const left = await traitsOfApp(app.db, ourId, named);
  return { outcome: outcomeOf(response), body: bodyOf(route, response), left };
}

/**
 * The results of a call by removed rows. Removing rows that the call does not read has no effect, so only the tables
 * that it reads count, even if it reads them only because of the removal.
 */
async function outcomes(one: Case, prepared: Prepared) {
  const twin = await digestOfApp(app.db, twinId);
  const found: Record<string, Outcome> = {};
  const read = new Set<string>();
  for (let what: string | undefined = 'nothing'; what !== undefined;) {
    const lacking = { what, read };
    found[what] = await undoable.undo(() => callLacking(one, prepared, twin, lacking));
    what = lackingIn(read).find((other) => !(other in found));
  }
  return found;
}

describe('an app does not depend on the data of another app:', () => {
  const ofApps = cases.filter(({ route }) => isAppNamed(route));

  it.each(ofApps.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    await fillApp(app.db, tables, ourId, ourRows, 'ours');
    const prepared = await one.sample.prepare(stage);
    const rows = await takeRows(app.db, tables, ourId);
    await fillApp(app.db, tables, twinId, rows, 'theirs');
    await fillApp(app.db, tables, ourId, rows, 'ours');
    app.clock.advance(usedLongAgoMs);
    await freshenSessions(app);
    const later = prepared.later?.() ?? prepared;
    const besideTwin = await outcomes(one, later);
    expect(besideTwin['nothing']).toMatchObject({ outcome: one.route.response.status });
    await clearApp(app.db, tables, twinId);
    expect(besideTwin).toEqual(await outcomes(one, later));
  });
});

describe.each(keySets)('the operator changes one app only, keys of the set %s:', (set) => {
  const now = () => app.clock.now();

  let spare: StoredSigningKey;
  beforeAll(async () => {
    spare = await generateSigningKey(app.services.sealer, ourId, set, now());
  });

  it.each<[string, (tx: Tx, kid: string, mailId: string) => Promise<unknown>]>([
    ['rotating its key', (tx) => rotateSigningKey(tx, ourId, spare, now())],
    ['revoking its key', (tx, kid) => revokeKey(tx, ourId, kid, spare, now())],
    ['sealing its key again', (tx, kid) => replaceSealedKey(tx, ourId, set, kid, Buffer.from('sealed again'))],
    ['sealing its mail again', (tx, _, mailId) => replaceSealedMail(tx, ourId, mailId, Buffer.from('sealed again'))],
  ])('%s', async (_, operate) => {
    await fillApp(app.db, tables, ourId, ourRows, 'ours');
    await fillApp(app.db, tables, twinId, ourRows, 'theirs');
    const [key] = await listPublishedKeys(app.db, ourId, set, now());
    const [mail] = await app.db.query<{ id: string }>(sql`SELECT id FROM mails WHERE app_id = ${ourId} LIMIT 1`);
    const before = await digestOfApp(app.db, twinId);
    const ourBefore = await digestOfApp(app.db, ourId);
    await app.db.transaction((tx) => operate(tx, key?.kid ?? '', mail?.id ?? ''));
    expect(await digestOfApp(app.db, twinId)).toEqual(before);
    expect(await digestOfApp(app.db, ourId)).not.toEqual(ourBefore);
  });

  it('a revoked key is replaced in its app, and the next key of another app is unused', async () => {
    await fillApp(app.db, tables, ourId, ourRows, 'ours');
    await fillApp(app.db, tables, twinId, ourRows, 'theirs');
    const successor = await generateSigningKey(app.services.sealer, twinId, set, new Date(now().getTime() + 900_000));
    await app.db.transaction((tx) => rotateSigningKey(tx, twinId, successor, now()));
    const before = await digestOfApp(app.db, twinId);
    const [key] = await listPublishedKeys(app.db, ourId, set, now());
    await app.db.transaction((tx) => revokeKey(tx, ourId, key?.kid ?? '', spare, now()));
    const ours = await app.db.query(sql`
      SELECT kid FROM ${raw(set === 'machine' ? 'signing_keys' : 'oauth_signing_keys')}
      WHERE app_id = ${ourId} AND revoked_at IS NULL`);
    expect([ours, await someKeySigns(app.db, ourId, set, now())]).toEqual([[{ kid: spare.kid }], true]);
    expect(await digestOfApp(app.db, twinId)).toEqual(before);
  });

  it('sees the keys of one app', async () => {
    await fillApp(app.db, tables, ourId, ourRows, 'ours');
    await fillApp(app.db, tables, twinId, ourRows, 'theirs');
    expect(await listSigningKeys(app.db, ourId, set)).toHaveLength(1);
  });
});

describe('the owner of an address is notified that somebody tried to sign up with it', () => {
  const attempt = async (email: string) => {
    const body = { firstName: 'Grace', lastName: 'Hopper', email, password };
    expect(problem(await stage.world.call('POST', '/v1/authentication/users', { body }))).toBe(
      '409 email_already_exists',
    );
  };
  const noticesTo = async ({ userId }: { userId: string }) =>
    (
      await app.db.query(sql`
      SELECT 1 FROM mails WHERE app_id = ${ourId} AND user_id = ${userId} AND purpose = 'sign_up_attempted'`)
    ).length;

  it('whether or not the twin was notified, and regardless of the address', async () => {
    await fillApp(app.db, tables, ourId, ourRows, 'ours');
    const { owner, member } = stage;
    await attempt(owner.email);
    const told = await takeRows(app.db, tables, ourId);
    await fillApp(app.db, tables, ourId, ourRows, 'ours');
    await fillApp(app.db, tables, twinId, told, 'theirs');
    const before = await digestOfApp(app.db, twinId);
    await attempt(member.email);
    await attempt(owner.email);
    await attempt(owner.email);
    expect([await noticesTo(member), await noticesTo(owner)]).toEqual([1, 1]);
    expect(await digestOfApp(app.db, twinId)).toEqual(before);
  });
});

describe('a flood of refusals in one app', () => {
  /** The maximum number of sources with separate rows. */
  const ownRows = 100;
  const refuse = async (email: string) => {
    const body = { email, password: 'Wrong@123JonDoeInc' };
    expect(problem(await stage.world.call('POST', '/v1/authentication/users/sessions', { body }))).toBe(
      '401 invalid_credentials',
    );
  };

  it('does not displace refusals in another', async () => {
    await fillApp(app.db, tables, ourId, ourRows, 'ours');
    // A new source each time, because the service remembers sources without a row, even after the rollback of a test.
    const { email } = await stage.world.person();
    const rows = await takeRows(app.db, tables, ourId);
    await refuse(email);
    await fillApp(app.db, tables, twinId, await takeRows(app.db, tables, ourId), 'theirs');
    await app.db.query(sql`
      WITH refusal AS (
        DELETE FROM audit_events WHERE app_id = ${twinId} AND counted_minute IS NOT NULL RETURNING *)
      INSERT INTO audit_events (app_id, id, time, action, actor_kind, target_kind, target_id, changes, count,
        counted_minute, counted_source)
      SELECT app_id, n, time, action, actor_kind, target_kind, target_id, changes, count, counted_minute,
        sha256(n::text::bytea)
      FROM refusal, generate_series(1, ${ownRows}::integer) AS n`);
    await fillApp(app.db, tables, ourId, rows, 'ours');
    const before = await digestOfApp(app.db, twinId);
    await refuse(email);
    expect(await stage.world.securityEvents()).toMatchObject([{ action: 'sign_in.failed', count: 1, changes: [] }]);
    expect(await digestOfApp(app.db, twinId)).toEqual(before);
  });
});
