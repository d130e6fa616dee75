import { type Sql, sql } from './db/db.ts';

/** Counters per app. */
export type CountedNoun = 'users' | 'organizations';

/** The row of a counter for this id: chosen by the time in the id, so that concurrent changes use different rows. */
const slotOf = (id: Sql): Sql => sql`((${id} >> 22) & 7)`;

/**
 * A part of the statement that adds or removes users or organizations. Updates the total of the app.
 *
 * @param rows the added or removed rows, with their `id`
 */
export function countInApp(appId: string, noun: CountedNoun, rows: Sql, by: 1 | -1): Sql {
  return sql`
    INSERT INTO app_counts AS c (app_id, noun, slot, total)
    SELECT ${appId}::bigint, ${noun}, ${slotOf(sql`id`)}, ${by}::integer * count(*) FROM ${rows} GROUP BY 3 ORDER BY 3
    ON CONFLICT (app_id, noun, slot) DO UPDATE SET total = c.total + EXCLUDED.total`;
}

/**
 * A part of the statement that adds or removes members. Updates the totals of their organizations.
 *
 * @param rows the added or removed members: `org_id`, `user_id`
 */
export function countInOrganization(appId: string, rows: Sql, by: 1 | -1): Sql {
  return sql`
    INSERT INTO member_counts AS c (app_id, org_id, slot, total)
    SELECT ${appId}::bigint, org_id, ${slotOf(sql`user_id`)}, ${by}::integer * count(*)
    FROM ${rows} GROUP BY 2, 3 ORDER BY 2, 3
    ON CONFLICT (app_id, org_id, slot) DO UPDATE SET total = c.total + EXCLUDED.total`;
}

/** Number of users or organizations of an app, for `readPage`. */
export const totalOfApp = (appId: string, noun: CountedNoun): Sql =>
  sql`SELECT COALESCE(sum(total), 0) AS total FROM app_counts WHERE app_id = ${appId} AND noun = ${noun}`;

/** Number of members of an organization, for `readPage`. */
export const totalOfOrganization = (appId: string, orgId: string): Sql =>
  sql`SELECT COALESCE(sum(total), 0) AS total FROM member_counts WHERE app_id = ${appId} AND org_id = ${orgId}`;
