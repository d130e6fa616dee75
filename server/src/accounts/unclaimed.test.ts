import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Db, sql } from '../db/db.ts';
import { migrate, readMigrations } from '../db/migrate.ts';
import { openEmptyDatabase } from '../test/database.ts';
import { listUnclaimed } from './unclaimed.store.ts';

let db: Db;

/** Accounts from before the distinction of claimed accounts, and their status after the migration. */
interface Account {
  readonly name: string;
  readonly more?: Readonly<Partial<Record<'isVerified' | 'isSuperAdmin' | 'isFirst' | 'hasNoPassword', boolean>>>;
  readonly holds?: 'membership' | 'accepted invitation';
  readonly event?: string;
  readonly identity?: 'google' | 'one tenant' | 'any tenant' | 'generic' | 'google with another address';
  readonly becomes: string | null;
}

const verified = { isVerified: true };
const accounts: readonly Account[] = [
  { name: 'verified', more: verified, becomes: null },
  { name: 'unverified', becomes: null },
  { name: 'unverified member', holds: 'membership', becomes: null },
  { name: 'first super admin', more: { ...verified, isSuperAdmin: true, isFirst: true }, becomes: 'operator' },
  { name: 'later super admin', more: { ...verified, isSuperAdmin: true }, becomes: 'assumed' },
  { name: 'member', more: verified, holds: 'membership', becomes: 'assumed' },
  { name: 'invited earlier', more: verified, holds: 'accepted invitation', becomes: 'assumed' },
  { name: 'accepted', more: verified, holds: 'membership', event: 'invitation.accepted', becomes: 'mailed_code' },
  { name: 'reset', more: verified, event: 'user.password_reset', becomes: 'mailed_code' },
  { name: 'by a provider alone', more: { ...verified, hasNoPassword: true }, becomes: 'provider' },
  { name: 'google', more: verified, identity: 'google', becomes: 'assumed' },
  { name: 'one tenant', more: verified, identity: 'one tenant', becomes: 'assumed' },
  { name: 'any tenant', more: verified, identity: 'any tenant', becomes: null },
  { name: 'generic', more: verified, identity: 'generic', becomes: null },
  { name: 'other google', more: verified, identity: 'google with another address', becomes: null },
];

const appId = 1;
const orgId = 2;
const issuers = {
  google: ['google', 'https://accounts.google.com'],
  'one tenant': ['azure', 'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0'],
  'any tenant': ['azure', 'https://login.microsoftonline.com/common/v2.0'],
  generic: ['oidc', 'https://sso.example.com'],
  'google with another address': ['google', 'https://accounts.google.com'],
} as const;
const emailOf = (name: string) => `${name.replaceAll(' ', '-')}@example.com`;

async function insertAccount({ name, more = {}, holds, event, identity }: Account, id: number): Promise<void> {
  const email = emailOf(name);
  await db.query(sql`
    INSERT INTO users (app_id, id, email, email_key, is_email_verified, first_name, last_name, state, is_super_admin,
      password_hash, created_at, updated_at)
    VALUES (${appId}, ${id}, ${email}, ${email}, ${more.isVerified ?? false}, 'Jon', 'Doe', 'ACTIVE',
      ${more.isSuperAdmin ?? false}, ${more.hasNoPassword ? null : 'hash'},
      ${more.isFirst ? '2026-01-01' : '2026-02-02'}, '2026-02-02')`);
  if (holds === 'membership') {
    await db.query(sql`
      INSERT INTO members (app_id, org_id, user_id, id, created_at)
      VALUES (${appId}, ${orgId}, ${id}, ${id}, '2026-02-02')`);
  }
  if (holds === 'accepted invitation') {
    await db.query(sql`
      INSERT INTO invitations (app_id, id, org_id, user_id, email, email_key, grants, status, invited_by_kind,
        created_at,
        expires_at)
      VALUES (${appId}, ${id}, ${orgId}, ${id}, ${email}, ${email}, 'ORG_OWNER', 'accepted', 'user', '2026-02-02',
        '2026-02-09')`);
  }
  if (event) {
    await db.query(sql`
      INSERT INTO audit_events (app_id, id, time, action, actor_kind, actor_id, target_kind, target_id, changes)
      VALUES (${appId}, ${id}, '2026-02-02', ${event}, 'user', ${id}, 'user', ${id}, '{}')`);
  }
  if (identity) {
    const [type, issuer] = issuers[identity];
    await db.query(sql`
      INSERT INTO identity_providers (app_id, id, type, name, issuer, client_id, sealed_client_secret, scopes,
        trust_email,
        enabled, created_at, updated_at)
      VALUES (${appId}, ${id}, ${type}, 'A provider', ${issuer}, 'client', '\\x00', '{}', true, true, '2026-02-02',
        '2026-02-02')`);
    await db.query(sql`
      INSERT INTO identities (app_id, id, user_id, idp_id, issuer, subject, email, created_at, last_used_at)
      VALUES (${appId}, ${id}, ${id}, ${id}, ${issuer}, ${name},
        ${identity === 'google with another address' ? 'other@example.com' : email}, '2026-02-02', '2026-02-02')`);
  }
}

beforeAll(async () => {
  db = await openEmptyDatabase();
  const migrations = readMigrations();
  const claiming = migrations.findIndex(({ name }) => name.includes('claimed_accounts'));
  await migrate(db, migrations.slice(0, claiming));
  await db.query(sql`
    INSERT INTO apps (id, name, display_name, status, created_at, updated_at)
    VALUES (${appId}, 'app', 'App', 'ACTIVE', '2026-01-01', '2026-01-01')`);
  await db.query(sql`
    INSERT INTO organizations (app_id, id, name, name_key, status, created_at, updated_at)
    VALUES (${appId}, ${orgId}, 'Acme', 'acme', 'Active', '2026-01-01', '2026-01-01')`);
  for (const [index, account] of accounts.entries()) await insertAccount(account, index + 10);
  await migrate(db, migrations);
});
afterAll(() => db?.close());

describe('the migration', () => {
  test.each(accounts.map((account) => [account.name, account] as const))('marks %s', async (_, { name, becomes }) => {
    const rows = await db.query<{ claimed_by: string | null }>(
      sql`SELECT claimed_by FROM users WHERE app_id = ${appId} AND email = ${emailOf(name)}`,
    );
    expect(rows).toEqual([{ claimed_by: becomes }]);
  });
});

test('the operator sees accounts with grants that are unclaimed or assumed, and no others', async () => {
  const listed = await listUnclaimed(db, String(appId));
  expect(listed).toMatchObject([
    { email: emailOf('unverified member'), isAssumed: false, isSuperAdmin: false, organizations: 1 },
    { email: emailOf('later super admin'), isAssumed: true, isSuperAdmin: true, organizations: 0 },
    { email: emailOf('member'), isAssumed: true, isSuperAdmin: false, organizations: 1 },
  ]);
  expect(await listUnclaimed(db, '3')).toEqual([]);
});
