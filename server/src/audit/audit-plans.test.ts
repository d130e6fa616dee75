import { afterAll, beforeAll, expect, test } from 'vitest';
import { raw, sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld } from '../test/world/world.ts';
import { type EventFilters, selectEvents, withoutSorting } from './events.store.ts';

let app: TestApp;
let appId: string;

const busyOrganization = '11';
const busyActor = '21';
const busyElsewhere = '22';
const start = Date.UTC(2026, 0, 1);
const count = 20_000;
/** The number of different values. */
const actions = 31;

/**
 * Many events of one organization, one actor and one action, with few others among them. A plan that reads unwanted
 * events is then slow. Another actor has as many events, but none in that organization.
 */
beforeAll(async () => {
  app = await buildTestApp();
  ({ appId } = await createWorld(app));
  await app.db.query(sql`
    INSERT INTO audit_events (app_id, id, org_id, time, action, actor_kind, actor_id, target_kind, changes)
    SELECT ${appId}::bigint, n, CASE WHEN n % 2 = 0 THEN ${busyOrganization}::bigint ELSE 1000 + n % 500 END,
      ${new Date(start)}::timestamptz + n * interval '1 second',
      CASE WHEN n % 3 = 0 THEN 'organization.updated' ELSE 'noun.verb_' || n % 30 END, 'user',
      CASE WHEN n % 4 = 1 THEN ${busyElsewhere}::bigint WHEN n % 5 < 3 THEN ${busyActor}::bigint
        ELSE 2000 + n % 700 END, 'organization', '{}'
    FROM generate_series(1, ${count}::integer) AS n`);
  await app.db.query(sql`ANALYZE audit_events`);
});
afterAll(() => app?.close());

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Rows Removed by Filter'?: number;
  /** The average over the loops. */
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly Plan[];
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

const pageSize = 21;

const literal = (value: unknown): string =>
  value instanceof Date ? `'${value.toISOString()}'` : `'${String(value).replaceAll("'", "''")}'`;

interface Explained {
  readonly 'QUERY PLAN': string | [{ Plan: Plan }];
}

/**
 * How the database reads a page: with a custom plan for these values, or with the generic plan of a prepared statement
 * that has run several times.
 */
async function planOf(filters: EventFilters, after: number | undefined, isGeneric: boolean): Promise<Plan[]> {
  const position = after === undefined ? undefined : { time: new Date(start + after * 1000), id: String(after) };
  const statement = selectEvents(appId, filters, position, pageSize);
  const [row] = await app.db.transaction(async (tx) => {
    await tx.query(withoutSorting);
    if (!isGeneric) return tx.query<Explained>(sql`EXPLAIN (ANALYZE, FORMAT JSON) ${statement}`);
    await tx.query(sql`SET LOCAL plan_cache_mode = force_generic_plan`);
    await tx.query(raw(`PREPARE page AS ${statement.text}`));
    const values = statement.values.map(literal).join(', ');
    const rows = await tx.query<Explained>(raw(`EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page (${values})`));
    await tx.query(raw('DEALLOCATE page'));
    return rows;
  });
  const explained = row?.['QUERY PLAN'] ?? '';
  const [{ Plan }] = typeof explained === 'string' ? (JSON.parse(explained) as [{ Plan: Plan }]) : explained;
  return nodesOf(Plan);
}

const wanted = { orgId: busyOrganization, actorId: busyActor, action: 'organization.updated' };
const rare = { orgId: '1001', actorId: '2001', action: 'noun.verb_1' };
const apart = { ...wanted, actorId: busyElsewhere };
const between = { from: new Date(start + 1_000_000), to: new Date(start + 15_000_000) };

const combinations: [string, EventFilters][] = [];
for (const [kind, values] of Object.entries({ many: wanted, few: rare, 'none together': apart })) {
  for (const names of [[], ['action'], ['actorId'], ['actorId', 'action']]) {
    for (const org of [[], ['orgId']]) {
      const chosen = Object.fromEntries(
        Object.entries(values).filter(([name]) => [...org, ...names].includes(name)),
      ) as EventFilters;
      const name = `${kind} by ${[...org, ...names].join(', ') || 'nothing'}`;
      combinations.push([name, chosen], [`${name} within a time`, { ...chosen, ...between }]);
    }
  }
}

/** The index for the filters, and the maximum number of its entries that a page may read. */
function expectedOf({ orgId, actorId, action }: EventFilters): { index: string; entries: number } {
  const subject = [orgId && 'organization', actorId && 'actor'].filter(Boolean).join('_and_');
  if (subject !== '') {
    const index = `audit_events_by_${subject}`;
    return { index, entries: action === undefined ? actions * (1 + pageSize) : pageSize };
  }
  return { index: action === undefined ? 'audit_events_pkey' : 'audit_events_by_action', entries: pageSize };
}

test.each(combinations)('a page reads one index and nothing but its events: %s', async (_, filters) => {
  const { index, entries } = expectedOf(filters);
  for (const [after, isGeneric] of [
    [undefined, false],
    [undefined, true],
    [10_000, false],
    [10_000, true],
  ] as const) {
    const scans = (await planOf(filters, after, isGeneric)).filter((node) => node['Relation Name'] === 'audit_events');
    expect(scans.filter((scan) => !/^Index (Only )?Scan$/.test(scan['Node Type']))).toEqual([]);
    expect(scans.filter((scan) => (scan['Rows Removed by Filter'] ?? 0) > 0)).toEqual([]);
    const rowsOf = (some: readonly Plan[]) =>
      some.reduce((sum, scan) => sum + Math.ceil(scan['Actual Rows'] * scan['Actual Loops']), 0);
    const ofIndex = scans.filter((scan) => scan['Index Name'] === index);
    expect(rowsOf(ofIndex)).toBeLessThanOrEqual(entries);
    const others = scans.filter((scan) => !ofIndex.includes(scan));
    expect(others.filter((scan) => scan['Index Name'] !== 'audit_events_pkey')).toEqual([]);
    expect(rowsOf(others)).toBeLessThanOrEqual(pageSize);
  }
});

test('an ordinary event is in five indexes at most', async () => {
  const indexes = await app.db.query<{ name: string; condition: string | null }>(sql`
    SELECT indexrelid::regclass::text AS name, pg_get_expr(indpred, indrelid) AS condition
    FROM pg_index WHERE indrelid = 'audit_events'::regclass`);
  expect(indexes.filter(({ condition }) => !condition?.includes('counted_minute'))).toHaveLength(5);
  expect(indexes.length).toBeLessThanOrEqual(6);
});

test('removing expired entries begins with the oldest', async () => {
  const rows = await app.db.query(sql`
    EXPLAIN SELECT time, id FROM audit_events WHERE app_id = ${appId} AND time < ${new Date(start + 5_000)}
    ORDER BY time, id LIMIT 500`);
  expect(JSON.stringify(rows)).toMatch(/Index (Only )?Scan using audit_events_pkey/);
  expect(JSON.stringify(rows)).not.toContain('Sort');
});
