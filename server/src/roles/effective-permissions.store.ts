import { type Queryable, type Sql, sql } from '../db/db.ts';
import {
  proofColumns,
  proofInStatement,
  proofNames,
  proofOfAsked,
  unmetPolicy,
  type UnmetPolicy,
} from '../access/organization-policy.ts';
import { type Asker, heldByAsker, type OrganizationRelation } from '../access/relations.ts';
import { statusesInForce } from '../access/organization-states.ts';
import { permissionBytes } from './roles.store.ts';
import { restrictionOf } from '../sessions/sessions.store.ts';

/**
 * The effective roles and permissions of memberships. Used by the permission check, introspection and every list that
 * shows roles. The SQL fragments refer to the aliases `members m`, `organizations o` and `users u`.
 */

/** Memberships with the organization and the user, whose statuses decide whether the membership is effective. */
export const membershipsOf = (appId: string | Sql): Sql => sql`
  members m
  JOIN organizations o ON o.app_id = ${appId} AND o.id = m.org_id
  JOIN users u ON u.app_id = ${appId} AND u.id = m.user_id`;

/**
 * Whether a membership is effective: its organization and its user are active. Other memberships are kept, but give no
 * rights.
 */
export const isInForce = sql`(o.status = ANY (${statusesInForce()}::text[]) AND u.state = 'ACTIVE')`;

/**
 * Whether the setting `ownersHoldAllPermissions` is on. Owners then have every permission of any role of their
 * organization.
 */
const ownersHoldAll = (appId: string | Sql): Sql => sql`
  EXISTS (SELECT FROM apps a WHERE a.id = ${appId} AND a.settings -> 'ownersHoldAllPermissions' = 'true')`;

/**
 * The effective roles of a membership: roles of the organization and predefined roles of the app. If
 * `ownersHoldAllPermissions` is on, an owner also has a row for each role of the organization, with `is_held` false.
 */
const rolesInForce = (appId: string | Sql): Sql => sql`
  SELECT r.key, r.permissions, true AS is_held
  FROM member_roles held
  JOIN roles r ON r.app_id = ${appId} AND r.scope_id = held.scope_id AND r.key = held.role_key
  WHERE held.app_id = ${appId} AND held.org_id = m.org_id AND held.user_id = m.user_id AND ${isInForce}
  UNION ALL
  SELECT 'ORG_OWNER', r.permissions, false
  FROM roles r
  WHERE r.app_id = ${appId} AND r.scope_id IN (0, m.org_id) AND m.is_owner AND ${isInForce}
    AND ${ownersHoldAll(appId)}`;

/** One row, for a LATERAL join: the `keys` of the effective roles. */
export const effectiveRoleKeys = (appId: string | Sql): Sql => sql`
  SELECT COALESCE(array_agg(DISTINCT r.key COLLATE "C") FILTER (WHERE r.is_held), '{}') AS keys
  FROM (${rolesInForce(appId)}) AS r`;

/** One row, for a LATERAL join: the size of the `permissions` of the effective roles, in `bytes`. */
export const effectiveSize = (appId: string | Sql): Sql => sql`
  SELECT COALESCE(sum(${permissionBytes}), 0) AS bytes FROM (${rolesInForce(appId)}) AS r`;

/**
 * One row, for a LATERAL join: the `keys` of the effective roles, and all their `permissions`.
 *
 * @param condition if it is false, the permissions are empty; default: true
 */
export const effectiveRoles = (appId: string | Sql, condition: Sql = sql`true`): Sql => sql`
  SELECT COALESCE(array_agg(DISTINCT r.key COLLATE "C") FILTER (WHERE r.is_held), '{}') AS keys,
    COALESCE(array_agg(DISTINCT permission COLLATE "C") FILTER (WHERE permission IS NOT NULL), '{}') AS permissions
  FROM (${rolesInForce(appId)}) AS r LEFT JOIN LATERAL unnest(r.permissions) AS permission ON ${condition}`;

/** Why a permission is not granted. */
export type RefusalReason =
  | 'not_a_member'
  | 'organization_inactive'
  | 'user_inactive'
  | 'no_role_grants_it'
  | 'step_up_required'
  | 'reauthentication_required';

export interface PermissionResult {
  readonly permission: string;
  readonly allowed: boolean;
  /** Keys of the roles that grant it; `ORG_OWNER` if ownership does. */
  readonly grantedBy: string[];
  readonly reason?: RefusalReason;
}

/** A permission check of one user in one organization. */
export interface PermissionQuestion {
  readonly appId: string;
  readonly orgId: string;
  readonly asker: Asker;
  readonly userId: string;
  /**
   * The session with which the user acts; undefined: unknown, which meets no policy. If it has ended, is restricted or
   * belongs to another user, no permission is allowed, even without a policy.
   */
  readonly sessionId: string | undefined;
  readonly permissions: readonly string[];
}

export interface PermissionAnswer {
  /**
   * Relation of the actor to the organization, for the access decision; undefined if the organization does not exist.
   */
  readonly relation: OrganizationRelation | undefined;
  /** The results in the order of `permissions`. */
  readonly results: readonly PermissionResult[];
}

interface GrantingRow extends OrganizationRelation {
  place: number;
  /** The policy of the organization, if the session of the user does not meet it or is unknown. */
  unmet_of_user: UnmetPolicy | null;
  /** Null: no session of the user is named, or it has ended, is restricted or belongs to another user. */
  session_id: string | null;
  /** Null: no member. */
  state: 'ACTIVE' | 'INACTIVE' | 'INVITED' | null;
  key: string | null;
  granted: string[] | null;
}

/**
 * The policy that a user does not meet. If users check themselves, the session of the call must meet the policy, too.
 * Otherwise a weak session could name a stronger one.
 */
const unmetIn = ({ asker, userId }: PermissionQuestion, row: GrantingRow): UnmetPolicy | null =>
  row.unmet_of_user ?? (asker.userId === userId ? row.unmet : null);

/** How the session with which the user acts limits the permissions. */
interface SessionState {
  readonly unmet: UnmetPolicy | null;
  /** The named session has ended, is restricted or belongs to another user. */
  readonly isUnusable: boolean;
}

/**
 * Non-members get `not_a_member` regardless of the status of organization and user, because the status must not be
 * disclosed. If the session does not meet the policy, the response does not disclose what the roles would grant.
 */
function reasonOf({ status, state, session_id }: GrantingRow, { unmet, isUnusable }: SessionState): RefusalReason {
  if (state === null) return 'not_a_member';
  if (!statusesInForce().includes(status)) return 'organization_inactive';
  if (state !== 'ACTIVE') return 'user_inactive';
  if (unmet?.unmet === 'age' && session_id !== null) return 'reauthentication_required';
  if (unmet || isUnusable) return 'step_up_required';
  return 'no_role_grants_it';
}

/** @param rows one row for each granting role, or one row without a role; empty if the organization does not exist */
function toAnswer(question: PermissionQuestion, rows: readonly GrantingRow[]): PermissionAnswer {
  const [first] = rows;
  if (!first) return { relation: undefined, results: [] };
  const unmet = unmetIn(question, first);
  const isUnusable = question.sessionId !== undefined && first.session_id === null;
  const results = question.permissions.map((permission) => {
    const granting = unmet || isUnusable ? [] : rows.filter(({ granted }) => granted?.includes(permission));
    // Keys of roles are ASCII.
    const grantedBy = [...new Set(granting.flatMap(({ key }) => key ?? []))].toSorted();
    const allowed = grantedBy.length > 0;
    return { permission, allowed, grantedBy, ...(!allowed && { reason: reasonOf(first, { unmet, isUnusable }) }) };
  });
  return { relation: { held: first.held, status: first.status, unmet: first.unmet }, results };
}

/** An object, because PostgreSQL searches object keys by binary search but arrays linearly. */
const toKeys = (permissions: readonly string[]): string =>
  JSON.stringify(Object.fromEntries(permissions.map((permission) => [permission, 0])));

/**
 * Selects the roles that grant the permissions of several checks, in one query. The last `OFFSET 0` makes the planner
 * look up each check by index; a joint plan would scan whole tables of a small app. The first `OFFSET 0` limits the
 * expensive comparison of permissions to the roles of the user.
 */
export function selectGrants(questions: readonly PermissionQuestion[], now: Date): Sql {
  const column = <Value>(valueOf: (question: PermissionQuestion) => Value) => questions.map(valueOf);
  return sql`
    SELECT asked.place::integer, found.*
    FROM unnest((SELECT ${column(({ appId }) => appId)}::bigint[]), ${column(({ orgId }) => orgId)}::bigint[],
      ${column(({ asker }) => asker.isMachine)}::boolean[], ${column(({ asker }) => asker.isSuperAdmin)}::boolean[],
      ${column(({ asker }) => asker.userId)}::bigint[],
      ${column(({ asker }) => asker.organizationMachine?.orgId ?? null)}::bigint[],
      ${column(({ asker }) => asker.organizationMachine?.isManager ?? false)}::boolean[],
      ${proofColumns(column(({ asker }) => asker.proof))},
      ${column(({ userId }) => userId)}::bigint[], ${column(({ sessionId }) => sessionId ?? null)}::bigint[],
      ${column(({ permissions }) => toKeys(permissions))}::jsonb[])
      WITH ORDINALITY AS asked (app_id, org_id, is_machine, is_super_admin, asker_id, machine_org_id,
        is_machine_manager, ${proofNames}, user_id, session_id, permissions,
        place)
    CROSS JOIN LATERAL (
      SELECT o.status, ${heldByAsker} AS held,
        CASE WHEN asked.proven_at IS NOT NULL THEN ${unmetPolicy(sql`o.security`, proofOfAsked, now)} END AS unmet,
        ${unmetPolicy(sql`o.security`, proofInStatement, now)} AS unmet_of_user, s.id AS session_id,
        u.state, granting.key, granting.granted
      FROM organizations o
      LEFT JOIN members caller
        ON caller.app_id = asked.app_id AND caller.org_id = o.id AND caller.user_id = asked.asker_id
      LEFT JOIN members m ON m.app_id = asked.app_id AND m.org_id = o.id AND m.user_id = asked.user_id
      LEFT JOIN users u ON u.app_id = asked.app_id AND u.id = m.user_id
      LEFT JOIN LATERAL (
        SELECT s.id, s.amr, s.factor_at, s.strong_factor_at, s.remembered_factor_at, s.authenticated_at
        FROM sessions s JOIN apps a ON a.id = asked.app_id
        WHERE s.app_id = asked.app_id AND s.id = asked.session_id AND s.user_id = asked.user_id
          AND LEAST(s.expires_at, s.idle_expires_at) > ${now} AND ${restrictionOf(now)} IS NULL
      ) AS s ON true
      LEFT JOIN LATERAL (
        SELECT r.key,
          ARRAY(SELECT permission FROM unnest(r.permissions) AS permission WHERE asked.permissions ? permission)
            AS granted
        FROM (${rolesInForce(sql`asked.app_id`)} OFFSET 0) AS r WHERE asked.permissions ?| r.permissions
      ) AS granting ON true
      WHERE o.app_id = asked.app_id AND o.id = asked.org_id
      OFFSET 0) AS found`;
}

/**
 * Runs permission checks. Each returns the granting roles or the reason of the refusal, and the actor's relation to the
 * organization.
 *
 * @returns the results in the order of the checks
 */
export async function checkPermissions(
  db: Queryable,
  questions: readonly PermissionQuestion[],
  now: Date,
): Promise<PermissionAnswer[]> {
  const rows = await db.query<GrantingRow>(selectGrants(questions, now));
  const byPlace = new Map<number, GrantingRow[]>();
  for (const row of rows) byPlace.set(row.place, [...(byPlace.get(row.place) ?? []), row]);
  return questions.map((question, index) => toAnswer(question, byPlace.get(index + 1) ?? []));
}
