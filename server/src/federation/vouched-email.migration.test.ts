import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Db, sql } from '../db/db.ts';
import { migrate, readMigrations } from '../db/migrate.ts';
import { openEmptyDatabase } from '../test/database.ts';
import { azureIssuer, googleIssuer } from '../identity-providers/provider-types.ts';

const key = 'jon.doe@example.com';
const tenant = '72f988bf-86f1-41af-91ab-2d7cd011db47';

/**
 * Identities that were linked before the column: type of the provider, issuer, recorded address, and whether it counts.
 */
const earlier: readonly [type: string, issuer: string, email: string | null, counts: boolean][] = [
  ['google', googleIssuer, 'jon.doe@example.com', true],
  ['google', googleIssuer, 'Jon.DOE@example.com', true],
  ['google', googleIssuer, 'thief@example.com', false],
  ['google', googleIssuer, null, false],
  ['azure', azureIssuer(tenant), 'jon.doe@example.com', true],
  ['azure', azureIssuer('contoso.onmicrosoft.com'), 'jon.doe@example.com', true],
  ['azure', azureIssuer(tenant), 'thief@example.com', false],
  ['azure', azureIssuer('common'), 'jon.doe@example.com', false],
  ['azure', azureIssuer('organizations'), 'jon.doe@example.com', false],
  ['azure', azureIssuer('consumers'), 'jon.doe@example.com', false],
  ['azure', azureIssuer('9188040d-6c67-4c5b-b112-36a304b66dad'), 'jon.doe@example.com', false],
  ['oidc', 'https://sso.example.com', 'jon.doe@example.com', false],
];

let db: Db;

beforeAll(async () => {
  db = await openEmptyDatabase();
  const migrations = readMigrations();
  await migrate(
    db,
    migrations.slice(
      0,
      migrations.findIndex(({ name }) => name === 'fresh_authentication'),
    ),
  );
  const now = new Date();
  await db.query(sql`
    INSERT INTO apps (id, name, display_name, status, settings, created_at, updated_at)
    VALUES (1, 'demo', 'Demo', 'ACTIVE', '{}', ${now}, ${now})`);
  await db.query(sql`
    INSERT INTO users (app_id, id, email, email_key, is_email_verified, first_name, last_name, state, created_at,
      updated_at)
    VALUES (1, 1, 'Jon.Doe@example.com', ${key}, true, 'Jon', 'Doe', 'ACTIVE', ${now}, ${now})`);
  for (const [index, [type, issuer, email]] of earlier.entries()) {
    await db.query(sql`
      INSERT INTO identity_providers (app_id, id, type, name, issuer, client_id, sealed_client_secret, scopes,
        trust_email,
        enabled, created_at, updated_at)
      VALUES (1, ${index}, ${type}, 'Name', ${issuer}, 'client', '', '{}', true, true, ${now}, ${now})`);
    await db.query(sql`
      INSERT INTO identities (app_id, id, user_id, idp_id, issuer, subject, email, created_at, last_used_at)
      VALUES (1, ${index}, 1, ${index}, ${issuer}, 'subject', ${email}, ${now}, ${now})`);
  }
  await migrate(db, migrations);
});
afterAll(() => db?.close());

test.each(earlier.map((row, index) => [index, ...row] as const))(
  'an identity of before, no. %i, of %s (%s) as %s counts as vouching for the address: %s',
  async (id, _, __, ___, counts) => {
    const rows = await db.query(sql`SELECT vouched_email_key AS key FROM identities WHERE app_id = 1 AND id = ${id}`);
    expect(rows).toEqual([{ key: counts ? key : null }]);
  },
);
