import { type Db, join, raw, sql } from '../../db/db.ts';
import { isSecurityEvent } from '../digest.ts';

/** The tables that a refused call must not change. */
const tables = [
  'users',
  'sessions',
  'organizations',
  'members',
  'member_roles',
  'roles',
  'invitations',
  'codes',
  'machine_users',
  'machine_secrets',
  'mails',
];

export interface Rows {
  /** Counts the rows of the app by table, without security events: a refusal must not change the numbers. */
  rows(): Promise<Record<string, string>>;
}

export const rowsOf = (db: Db, appId: string): Rows => ({
  async rows() {
    const counts = tables.map(
      (table) => sql`(SELECT count(*) FROM ${raw(table)} WHERE app_id = ${appId}) AS ${raw(table)}`,
    );
    const [found] = await db.query<Record<string, string>>(sql`
      SELECT ${join(counts)},
        (SELECT count(*) FROM audit_events WHERE app_id = ${appId} AND NOT ${isSecurityEvent}) AS audit_events`);
    return found ?? {};
  },
});
