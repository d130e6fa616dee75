import { type Sql, sql } from './db/db.ts';

/** Counters per app. */
export type CountedNoun = 'users' | 'organizations';

/** The row of a total that counts what has this id: the time in it, so that what comes at the same moment spreads. */
const slotOf = (id: Sql): Sql => sql`((${id} >> 22) & 7)`;

/**
 * A part of the statement that adds or removes users or organizations: changes the total of the app with it.
 *
 * @param rows what was added or removed, with its `id`
 */
export function countInApp(appId: string, noun: CountedNoun, rows: Sql, by: 1 | -1): Sql {
  return sql`
    INSERT INTO app_counts AS c (app_id, noun, slot, total)
    SELECT ${appId}::bigint, ${noun}, ${slotOf(sql`id`)}, ${by}::integer * count(*) FROM ${rows} GROUP BY 3 ORDER BY 3
    ON CONFLICT (app_id, noun, slot) DO UPDATE SET total = c.total + EXCLUDED.total`;
}

/**
 * A part of the statement that adds or removes members: changes the totals of their organizations with it.
 *
 * @param rows who was added or removed: `org_id`, `user_id`
 */
export function countInOrganization(appId: string, rows: Sql, by: 1 | -1): Sql {
  return sql`
    INSERT INTO member_counts AS c (app_id, org_id, slot, total)
    SELECT ${appId}::bigint, org_id, ${slotOf(sql`user_id`)}, ${by}::integer * count(*)
    FROM ${rows} GROUP BY 2, 3 ORDER BY 2, 3
    ON CONFLICT (app_id, org_id, slot) DO UPDATE SET total = c.total + EXCLUDED.total`;
}

/** How many users or organizations an app has, for `readPage`. */
export const totalOfApp = (appId: string, noun: CountedNoun): Sql =>
  sql`SELECT COALESCE(sum(total), 0) AS total FROM app_counts WHERE app_id = ${appId} AND noun = ${noun}`;

/** How many members an organization has, for `readPage`. */
export const totalOfOrganization = (appId: string, orgId: string): Sql =>
  sql`SELECT COALESCE(sum(total), 0) AS total FROM member_counts WHERE app_id = ${appId} AND org_id = ${orgId}`;
