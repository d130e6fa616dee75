import { hash } from '@node-rs/argon2';
import { toApiKey } from '../server/src/api-keys/api-key.ts';
import { type Db, type Sql, sql } from '../server/src/db/db.ts';
import { sha256 } from '../server/src/keys/secrets.ts';

export const appName = 'bench';
export const password = 'Correct-Horse-7-Battery';
/** The cost that the service uses in production. */
export const hashParameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

export const counts = {
  users: 10_000,
  sessions: 20_000,
  organizations: 1_000,
  membersOfEach: 10,
  /** Organizations whose members fill a page of fifty: the organizations after the first. */
  listedOrganizations: 128,
  membersOfListed: 60,
  membersOfTheBigOne: 5_000,
  machines: 1_000,
  events: 50_000,
} as const;

// Numbers instead of random values, so that the load can compute every id and secret without a query.
const firstId = 100_000_000_000_000_000n;
/** As in the ids of the service, the lowest 22 bits are below the time. Counter rows are chosen by the bits above. */
const idOf = (index: number): bigint => firstId + (BigInt(index) << 22n);
const padded = (index: number): string => String(index).padStart(43, '0');

/** Ids and secrets of the seeded rows, numbered from 1. Person n owns organization n, has session n and device n. */
export const seeded = {
  id: (index: number): string => String(idOf(index)),
  email: (index: number): string => `person-${index}@bench.example`,
  sessionToken: (index: number): string => `gh_s_${padded(index)}`,
  deviceToken: (index: number): string => `gh_d_${padded(index)}`,
  apiKey: (index: number): string => toApiKey(padded(index)),
  machineSecret: (index: number): string => `gh_m_${padded(index)}`,
};

/** The service's times have milliseconds. Finer times would not match when the service compares them. */
const now = sql`date_trunc('milliseconds', now())`;
const idAt = (index: Sql): Sql => sql`(${firstId}::bigint + ((${index})::bigint << 22))`;
const id = idAt(sql`n`);

/** Sessions and secrets store their last use once a minute. Equal times would cause a burst of writes. */
const spreadOverAMinute = sql`${now} - n % 60 * interval '1 second'`;

const apiKeyHashes = (): Buffer[] =>
  Array.from({ length: counts.organizations }, (_, index) => sha256(seeded.apiKey(index + 1)));

/** Fills the app that the first start created. */
export async function seed(db: Db): Promise<string> {
  const [app] = await db.query<{ id: string }>(sql`SELECT id FROM apps WHERE name = ${appName}`);
  if (app === undefined) throw new Error('the first start created no app');
  await db.transaction(async (tx) => {
    await tx.query(sql`
      UPDATE apps SET settings = settings || '{"audiences": ["https://api.example.com"]}'::jsonb WHERE id = ${app.id}`);
    for (const statement of statements(app.id, await hash(password, hashParameters))) await tx.query(statement);
  });
  await db.query(sql`VACUUM (ANALYZE)`);
  return app.id;
}

function statements(appId: string, passwordHash: string): Sql[] {
  return [
    // A separate table for the floor, because the indexes of the audit are a cost of the service.
    sql`CREATE TABLE floor_events (LIKE audit_events INCLUDING DEFAULTS, PRIMARY KEY (app_id, id))`,
    sql`
      INSERT INTO users (app_id, id, email, email_key, is_email_verified, claimed_by, first_name, last_name, state,
        password_hash,
        metadata, created_at, updated_at)
      SELECT ${appId}, ${id}, 'person-' || n || '@bench.example', 'person-' || n || '@bench.example', true,
        'verification', 'Person',
        'Number ' || n, 'ACTIVE', ${passwordHash}, '{"locale": "en"}', now(), now()
      FROM generate_series(1, ${counts.users}::integer) AS n`,
    sql`INSERT INTO sessions (app_id, id, user_id, token_hash, amr, authenticated_at, created_at, last_seen_at,
        expires_at, idle_expires_at, ip, user_agent)
      SELECT ${appId}, ${id}, ${idAt(sql`1 + (n - 1) % ${counts.users}::integer`)},
        sha256(convert_to('gh_s_' || lpad(n::text, 43, '0'), 'UTF8')), '{pwd}', ${now}, ${now}, ${spreadOverAMinute},
        ${now} + interval '30 days', ${now} + interval '7 days', '127.0.0.1', 'bench'
      FROM generate_series(1, ${counts.sessions}::integer) AS n`,
    sql`INSERT INTO devices (app_id, token_hash, user_id, created_at, last_used_at, expires_at)
      SELECT ${appId}, sha256(convert_to('gh_d_' || lpad(n::text, 43, '0'), 'UTF8')), ${id}, ${now}, ${now},
        ${now} + interval '180 days'
      FROM generate_series(1, ${counts.users}::integer) AS n`,
    sql`INSERT INTO organizations (app_id, id, name, name_key, status, metadata, created_at, updated_at)
      SELECT ${appId}, ${id}, 'Organization ' || n, 'organization ' || n, 'Active',
        '{"plan": "free", "region": "eu", "seats": "10"}', now(), now()
      FROM generate_series(1, ${counts.organizations}::integer) AS n`,
    sql`INSERT INTO roles (app_id, scope_id, key, display_name, permissions, created_at, updated_at)
      SELECT ${appId}, ${id}, key, initcap(key), ARRAY['documents:' || key], now(), now()
      FROM generate_series(1, ${counts.organizations}::integer) AS n, unnest(ARRAY['reader', 'writer']) AS key`,
    members(
      appId,
      sql`generate_series(1, ${counts.organizations}::integer) AS n,
      generate_series(0, ${counts.membersOfEach - 1}::integer) AS m`,
    ),
    members(
      appId,
      sql`(VALUES (1)) AS big(n),
      generate_series(${counts.membersOfEach}::integer, ${counts.membersOfTheBigOne - 1}::integer) AS m`,
    ),
    members(
      appId,
      sql`generate_series(2, ${counts.listedOrganizations + 1}::integer) AS n,
      generate_series(${counts.membersOfEach}::integer, ${counts.membersOfListed - 1}::integer) AS m`,
    ),
    ...totals(appId),
    sql`INSERT INTO member_roles (app_id, org_id, user_id, scope_id, role_key, created_at)
      SELECT app_id, org_id, user_id, org_id, 'reader', created_at FROM members WHERE NOT is_owner`,
    sql`INSERT INTO machine_users (app_id, id, user_name, user_name_key, created_at)
      SELECT ${appId}, ${id}, 'robot-' || n, 'robot-' || n, now()
      FROM generate_series(1, ${counts.machines}::integer) AS n`,
    sql`INSERT INTO machine_secrets (app_id, machine_user_id, id, secret_hash, created_at, last_used_at)
      SELECT ${appId}, ${id}, ${id}, sha256(convert_to('gh_m_' || lpad(n::text, 43, '0'), 'UTF8')), now(),
        ${spreadOverAMinute}
      FROM generate_series(1, ${counts.machines}::integer) AS n`,
    // Each by the owner of its organization.
    sql`INSERT INTO api_keys (app_id, id, org_id, maker_id, key_hash, last_characters, name, permissions, created_at,
        last_used_at)
      SELECT ${appId}, ${id}, ${id}, ${id}, key_hash, '0000', 'key', '{documents:reader}', ${now}, ${spreadOverAMinute}
      FROM unnest(${apiKeyHashes()}::bytea[]) WITH ORDINALITY AS made (key_hash, n)`,
    sql`INSERT INTO audit_events (app_id, id, org_id, time, action, actor_kind, actor_id, target_kind, target_id, ip,
        user_agent, request_id, changes)
      SELECT ${appId}, ${id}, ${idAt(sql`1 + n % ${counts.organizations}::integer`)}, now(),
        'organization.updated', 'user', ${id}, 'organization', ${id}, '127.0.0.1', 'bench', gen_random_uuid()::text,
        '{metadata.plan}'
      FROM generate_series(1, ${counts.events}::integer) AS n`,
    sql`INSERT INTO floor_events SELECT * FROM audit_events`,
  ];
}

/** The totals that the service stores when it adds and removes rows. */
function totals(appId: string): Sql[] {
  return [
    sql`DELETE FROM app_counts WHERE app_id = ${appId}`,
    sql`INSERT INTO app_counts (app_id, noun, slot, total)
      SELECT app_id, 'users', (id >> 22) & 7, count(*) FROM users WHERE app_id = ${appId} GROUP BY 1, 3
      UNION ALL
      SELECT app_id, 'organizations', (id >> 22) & 7, count(*) FROM organizations WHERE app_id = ${appId}
      GROUP BY 1, 3`,
    sql`INSERT INTO member_counts (app_id, org_id, slot, total)
      SELECT app_id, org_id, (user_id >> 22) & 7, count(*) FROM members WHERE app_id = ${appId} GROUP BY 1, 2, 3`,
  ];
}

/** Person n owns organization n; the next ones are its members. */
function members(appId: string, source: Sql): Sql {
  return sql`INSERT INTO members (app_id, org_id, user_id, id, is_owner, created_at)
    SELECT ${appId}, ${id}, ${idAt(sql`1 + (n - 1 + m) % ${counts.users}::integer`)},
      ${id} + m, m = 0, now()
    FROM ${source}`;
}
