import { afterAll, beforeAll, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { invitationColumns, invitationsOf } from './invitations.store.ts';
import type { InvitationStatus } from './invitation-states.ts';

let app: TestApp;
let world: World;
let orgId: string;

const count = 5_000;

/** There are many invitations. All except the last two were accepted long ago. */
beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  const owner = await world.person();
  orgId = await world.organization(owner);
  const expiresAt = new Date(app.clock.now().getTime() + 1000);
  await app.db.query(sql`
    INSERT INTO invitations (app_id, id, org_id, user_id, email, email_key, grants, status, invited_by_kind, created_at,
      expires_at)
    SELECT ${world.appId}::bigint, n, ${orgId}::bigint, ${owner.userId}::bigint, n || '@example.com',
      n || '@example.com',
      'ORG_USER_MANAGER', CASE WHEN n > ${count}::integer - 2 THEN 'pending' ELSE 'accepted' END, 'platform',
      ${app.clock.now()}::timestamptz, ${expiresAt}::timestamptz
    FROM generate_series(1, ${count}::integer) AS n`);
  await app.db.query(sql`ANALYZE invitations`);
});
afterAll(() => app?.close());

interface Plan {
  readonly 'Index Name'?: string;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

test.each<InvitationStatus>(['pending', 'expired', 'accepted', 'revoked'])(
  'a page and its total read those that are %s and no others',
  async (status) => {
    const now = app.clock.now();
    const invitations = invitationsOf(world.appId, orgId, { status, rolesOnly: false, now });
    for (const statement of [
      sql`SELECT ${invitationColumns(world.appId, orgId, now)} ${invitations} ORDER BY i.id LIMIT 21`,
      sql`SELECT count(*) ${invitations}`,
    ]) {
      const [row] = await app.db.query<{ 'QUERY PLAN': string | [{ Plan: Plan }] }>(
        sql`EXPLAIN (ANALYZE, FORMAT JSON) ${statement}`,
      );
      const explained = row?.['QUERY PLAN'] ?? '';
      const [{ Plan }] = typeof explained === 'string' ? (JSON.parse(explained) as [{ Plan: Plan }]) : explained;
      const removed = nodesOf(Plan).map((node) => node['Rows Removed by Filter'] ?? 0);
      expect(Math.max(...removed)).toBeLessThanOrEqual(2);
    }
  },
);
