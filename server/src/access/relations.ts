import type { Queryable, Sql } from '../db/db.ts';
import { empty, sql } from '../db/db.ts';
import type { Held } from './access.ts';
import { type Actor, onlyOrganizationOf, type OrganizationMachineActor } from './actor.ts';
import { type PresentedProof, proofOf, unmetBy, type UnmetPolicy } from './organization-policy.ts';
import { type OrganizationStatus, statusesInForce } from './organization-states.ts';

/** The principals of the actor in the app, regardless of a target. */
export function heldOverApp(actor: Actor): Held {
  switch (actor.kind) {
    case 'machine':
      return ['GENERIC_MACHINE_USER'];
    case 'user':
      return actor.user.isSuperAdmin ? ['SESSION_OWNER', 'SUPER_ADMIN'] : ['SESSION_OWNER'];
    case 'organization-machine':
    case 'mailed-token':
    case 'platform':
    case 'anonymous':
      return [];
  }
}

/** Super admins and machine users see everything in the app. */
export const seesWholeApp = (actor: Actor): boolean =>
  heldOverApp(actor).some((principal) => principal === 'SUPER_ADMIN' || principal === 'GENERIC_MACHINE_USER');

/**
 * SQL condition that restricts a caller to the one organization of their credential; empty if there is no restriction.
 *
 * @param orgId the column with the id of an organization
 */
export function inOrganizationOf(actor: Actor, orgId: Sql): Sql {
  const only = onlyOrganizationOf(actor);
  return only === undefined ? empty : sql`AND ${orgId} = ${only}`;
}

const orgOwner = sql`ARRAY['ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER']`;
const orgManager = sql`ARRAY['ORG_USER_MANAGER', 'ORG_MEMBER']`;
const orgMember = sql`ARRAY['ORG_MEMBER']`;
const none = sql`ARRAY[]::text[]`;

/**
 * The principals of a person for an organization (text[]). Owners are also managers, super admins can do everything
 * that owners can, and a row of `members` makes a member. The expression refers to a left-joined row `members caller`.
 */
const heldByHuman = (isSuperAdmin: Sql): Sql => sql`
  CASE
    WHEN ${isSuperAdmin} THEN ARRAY['SUPER_ADMIN'] || ${orgOwner}
    WHEN caller.is_owner THEN ${orgOwner}
    WHEN caller.is_manager THEN ${orgManager}
    WHEN caller.user_id IS NOT NULL THEN ${orgMember}
    ELSE ${none}
  END`;

/** The relation of a machine user of an organization. */
const relationOfOrganizationMachine = (id: string, appId: string, orgId: string, columns: Sql): Sql => sql`
  SELECT o.id, o.status, CASE WHEN caller.is_manager THEN ${orgManager} ELSE ${orgMember} END AS held ${columns}
  FROM organizations o
  JOIN organization_machine_users caller ON caller.app_id = ${appId} AND caller.org_id = o.id AND caller.id = ${id}
  WHERE o.app_id = ${appId} AND o.id = ${orgId}`;

/**
 * One row with the principals of the actor for the organization, or no row if it does not exist: columns `id`,
 * `status`, `held` (text[]), and `unmet`: the policy of the organization if the session of the caller does not meet it.
 *
 * @param now the time of the call
 * @param columns further columns of `organizations o`, each after a comma. Use them only after a decision on access
 */
export function organizationRelation(actor: Actor, appId: string, orgId: string, now: Date, columns = empty): Sql {
  const policy = sql`, ${unmetBy(actor, now)} AS unmet`;
  const organization = sql`${policy} ${columns} FROM organizations o WHERE o.app_id = ${appId} AND o.id = ${orgId}`;
  if (actor.kind === 'machine')
    return sql`SELECT o.id, o.status, ARRAY['GENERIC_MACHINE_USER'] AS held ${organization}`;
  if (actor.kind === 'organization-machine')
    return relationOfOrganizationMachine(actor.id, appId, orgId, sql`${policy} ${columns}`);
  if (actor.kind !== 'user') return sql`SELECT o.id, o.status, ${none} AS held ${organization}`;
  return sql`
    SELECT o.id, o.status, ${heldByHuman(sql`${actor.user.isSuperAdmin}::boolean`)} AS held ${policy} ${columns}
    FROM organizations o
    LEFT JOIN members caller ON caller.app_id = ${appId} AND caller.org_id = o.id AND caller.user_id = ${actor.user.id}
    WHERE o.app_id = ${appId} AND o.id = ${orgId}`;
}

/** An actor as a parameter of a statement that decides on several calls. */
export interface Asker {
  readonly isMachine: boolean;
  readonly isSuperAdmin: boolean;
  readonly userId: string | null;
  /** Absent for machine users. */
  readonly proof?: PresentedProof;
  /** Absent for every caller but a machine user of an organization. */
  readonly organizationMachine?: Pick<OrganizationMachineActor, 'orgId' | 'isManager'>;
}

export const toAsker = (actor: Actor): Asker => ({
  isMachine: actor.kind === 'machine',
  isSuperAdmin: actor.kind === 'user' && actor.user.isSuperAdmin,
  userId: actor.kind === 'user' ? actor.user.id : null,
  ...(actor.kind === 'user' && { proof: proofOf(actor) }),
  ...(actor.kind === 'organization-machine' && { organizationMachine: actor }),
});

/**
 * Like `organizationRelation`, but for batched statements: the principals of each row of `asked` (`is_machine`,
 * `is_super_admin`, `machine_org_id`, `is_machine_manager`) for its organization.
 */
export const heldByAsker = sql`
  CASE
    WHEN asked.is_machine THEN ARRAY['GENERIC_MACHINE_USER']
    WHEN asked.machine_org_id = o.id AND asked.is_machine_manager THEN ${orgManager}
    WHEN asked.machine_org_id = o.id THEN ${orgMember}
    ELSE ${heldByHuman(sql`asked.is_super_admin`)}
  END`;

/** The principals of a caller for an organization, its status, and its policy. */
export interface OrganizationRelation {
  readonly held: Held;
  readonly status: OrganizationStatus;
  /** The policy of the organization, if the session of the caller does not meet it. */
  readonly unmet: UnmetPolicy | null;
}

/**
 * One row if the caller owns or manages an active organization of which the user is a member: columns `held` (text[])
 * and `unmet`. An organization whose policy the session meets comes first.
 */
const throughOrganizations = (caller: Actor & { kind: 'user' }, appId: string, userId: string, now: Date): Sql => sql`
  SELECT CASE WHEN caller.is_owner THEN ARRAY['ORG_OWNER', 'ORG_USER_MANAGER'] ELSE ARRAY['ORG_USER_MANAGER'] END
      AS held,
    policy.unmet
  FROM members caller
  JOIN organizations o ON o.app_id = ${appId} AND o.id = caller.org_id AND o.status = ANY (${statusesInForce()}::text[])
  JOIN members target ON target.app_id = ${appId} AND target.org_id = caller.org_id AND target.user_id = ${userId}
  CROSS JOIN LATERAL (SELECT ${unmetBy(caller, now)} AS unmet) AS policy
  WHERE caller.app_id = ${appId} AND caller.user_id = ${caller.user.id} AND (caller.is_owner OR caller.is_manager)
    ${inOrganizationOf(caller, sql`caller.org_id`)}
  ORDER BY policy.unmet IS NOT NULL, NOT caller.is_owner LIMIT 1`;

/** Like `throughOrganizations`, for a machine user of an organization that has the manager role. */
const throughOrganizationOf = (caller: OrganizationMachineActor, appId: string, userId: string): Sql => sql`
  SELECT ARRAY['ORG_USER_MANAGER'] AS held, NULL::jsonb AS unmet
  FROM organization_machine_users caller
  JOIN organizations o ON o.app_id = ${appId} AND o.id = caller.org_id AND o.status = ANY (${statusesInForce()}::text[])
  JOIN members target ON target.app_id = ${appId} AND target.org_id = caller.org_id AND target.user_id = ${userId}
  WHERE caller.app_id = ${appId} AND caller.id = ${caller.id} AND caller.is_manager`;

/** A caller who sees users through organizations. */
type Insider = (Actor & { kind: 'user' }) | OrganizationMachineActor;

const through = (caller: Insider, appId: string, userId: string, now: Date): Sql =>
  caller.kind === 'user'
    ? throughOrganizations(caller, appId, userId, now)
    : throughOrganizationOf(caller, appId, userId);

/**
 * The relation of owners and managers to the members of the active organizations that they own or manage.
 *
 * @returns undefined if the caller does not see the user
 */
export async function relationThroughOrganizations(
  db: Queryable,
  caller: Insider,
  appId: string,
  userId: string,
  now: Date,
): Promise<UserRelation | undefined> {
  const [row] = await db.query<UserRelation>(through(caller, appId, userId, now));
  return row;
}

/** The principals of a caller for a user. */
export interface UserRelation {
  readonly held: Held;
  /** The policy of the organization through which the caller sees the user, if the session does not meet it. */
  readonly unmet: UnmetPolicy | null;
}

/**
 * The principals of the actor for any existing user, if they do not depend on stored data; undefined if organizations
 * determine them.
 */
export function heldOverAnyUser(actor: Actor, userId: string): Held | undefined {
  switch (actor.kind) {
    case 'mailed-token':
      return actor.userId === userId ? ['SESSION_OWNER'] : [];
    case 'machine':
      return ['GENERIC_MACHINE_USER'];
    case 'user':
      if (actor.user.id === userId) return heldOverApp(actor);
      return actor.user.isSuperAdmin ? ['SUPER_ADMIN'] : undefined;
    case 'organization-machine':
      return undefined;
    case 'platform':
    case 'anonymous':
      return [];
  }
}

/**
 * One row with the principals of the actor for a user, or no row if the user does not exist or the caller may not see
 * the user: columns `held` (text[]) and `unmet`.
 *
 * @param now the time of the call
 * @param columns further columns of `users u`, each after a comma. Use them only after a decision on access
 */
export function userRelation(actor: Actor, appId: string, userId: string, now: Date, columns = empty): Sql {
  const held = heldOverAnyUser(actor, userId);
  if (held || (actor.kind !== 'user' && actor.kind !== 'organization-machine'))
    return sql`
      SELECT ${held ?? []}::text[] AS held, NULL::jsonb AS unmet ${columns}
      FROM users u WHERE u.app_id = ${appId} AND u.id = ${userId}`;
  return sql`
    SELECT through.held, through.unmet ${columns}
    FROM (${through(actor, appId, userId, now)}) AS through
    JOIN users u ON u.app_id = ${appId} AND u.id = ${userId}`;
}
