import { empty, type Sql, sql } from '../db/db.ts';
import type { Actor } from '../access/actor.ts';
import type { OrganizationStatus } from '../access/organization-states.ts';
import { inOrganizationOf } from '../access/relations.ts';
import type { UnmetPolicy } from '../access/organization-policy.ts';
import { unmetInForce } from './members.store.ts';
import { effectiveRoleKeys, isInForce, membershipsOf } from '../roles/effective-permissions.store.ts';

/** A membership of one user; `id` is the organization id, by which the list is ordered. */
export interface MembershipRow {
  id: string;
  name: string;
  status: OrganizationStatus;
  is_owner: boolean;
  is_manager: boolean;
  roles: string[];
  /** The policy of the organization, if the session of the caller does not meet it. */
  unmet: UnmetPolicy | null;
}

/** Selects memberships: of which user, whether only as owner or manager, and for which actor. */
export type Whose = ({ readonly userId: string } | { readonly emailKey: string }) & {
  readonly managersOnly: boolean;
  readonly actor: Actor;
  /** The time of the call. */
  readonly now: Date;
};

/** Looks up the address once. Without a user, there are no memberships. */
const userOf = (appId: string, whose: Whose): Sql =>
  'userId' in whose
    ? sql`${whose.userId}::bigint`
    : sql`(SELECT id FROM users WHERE app_id = ${appId} AND email_key = ${whose.emailKey})`;

const conditions = (appId: string, whose: Whose): Sql => sql`
  m.app_id = ${appId} AND m.user_id = ${userOf(appId, whose)}
  ${inOrganizationOf(whose.actor, sql`m.org_id`)}
  ${whose.managersOnly ? sql`AND (m.is_owner OR m.is_manager)` : empty}`;

/** The total, for `readPage`. */
export const countMemberships = (appId: string, whose: Whose): Sql =>
  sql`SELECT count(*) AS total FROM members m WHERE ${conditions(appId, whose)}`;

/**
 * A page of memberships with their effective roles; a deactivated organization has none.
 *
 * @param continuation keyset condition on `m.org_id`, order and limit
 */
export const membershipsPage = (appId: string, whose: Whose, continuation: Sql): Sql => sql`
  WITH page AS MATERIALIZED (
    SELECT m.app_id, m.org_id, m.user_id, m.is_owner, m.is_manager FROM members m
    WHERE ${conditions(appId, whose)} ${continuation})
  SELECT o.id, o.name, o.status, page.is_owner AND ${isInForce} AS is_owner,
    page.is_manager AND ${isInForce} AS is_manager,
    effective.keys AS roles, ${unmetInForce(whose.actor, whose.now)} AS unmet
  FROM page JOIN ${membershipsOf(appId)} ON m.app_id = ${appId} AND m.org_id = page.org_id AND m.user_id = page.user_id
  LEFT JOIN LATERAL (${effectiveRoleKeys(appId)}) AS effective ON true
  ORDER BY o.id`;
