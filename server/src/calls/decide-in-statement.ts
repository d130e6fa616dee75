import type { Sql } from '../db/db.ts';
import { sql } from '../db/db.ts';
import type { Held, OverOrganization, Principal } from '../access/access.ts';
import {
  heldOverApp,
  type OrganizationRelation,
  organizationRelation,
  type UserRelation,
  userRelation,
} from '../access/relations.ts';
import { needsPolicy } from '../access/decide.ts';
import { statusesPermitting } from '../access/organization-states.ts';
import { decideByRelation, decideOverUser } from './decide-access.ts';
import type { Call } from './route.ts';

/** SQL for the statement that decides on access over an organization; see `decisionOver`. */
export interface Granted {
  /** The relation for the FROM clause: one row if access is granted, otherwise no row. */
  readonly relation: Sql;
  /** The id of the organization over which access is granted. */
  readonly id: Sql;
  /** The statuses that permit the operation (`text[]`), for a condition on the status of the updated row. */
  readonly statuses: Sql;
}

export const granted: Granted = { relation: sql`granted`, id: sql`granted.id`, statuses: sql`granted.statuses` };

/** Whether access is granted, as a condition that PostgreSQL evaluates once per statement. */
export const isGranted = sql`EXISTS (SELECT FROM granted)`;

/** @throws Error if the route of the call is not over an organization */
export function accessOverOrganization({ route }: Call): OverOrganization {
  if (route.access.target !== 'organization') throw new Error(`${route.operationId} is not over an organization`);
  return route.access;
}

/**
 * The common table expressions with which a statement authorizes the call over its organization. `relation` has the
 * principals of the caller, and status and policy of the organization. `granted` has a row if access is granted.
 *
 * @param allowed the principals that get access
 */
export function decisionOver(call: Call, access: OverOrganization, allowed: readonly Principal[]): Sql {
  const { actor, appId, orgId, services } = call;
  const statuses = statusesPermitting(access.operation, heldOverApp(actor));
  return sql`
    relation AS MATERIALIZED (${organizationRelation(actor, appId, orgId, services.clock.now())}),
    granted AS (
      SELECT id, ${statuses}::text[] AS statuses FROM relation
      WHERE held && ${allowed}::text[] AND status = ANY (${statuses}::text[])
        AND (unmet IS NULL OR NOT ${needsPolicy(access)}::boolean))`;
}

/**
 * Authorizes by the declaration of the route, from a relation that a statement has read.
 *
 * @param relation undefined if the organization does not exist
 * @throws ApiError as `decideAccess` does
 */
export function decideByDeclaration(call: Call, relation: OrganizationRelation | undefined): Held {
  const access = accessOverOrganization(call);
  return decideByRelation(call, access, access.principals, relation);
}

/**
 * Reads the organization of the call in one round trip, together with the relation that decides on access.
 *
 * @param columns columns of `organizations o`, each after a comma
 * @param allowed principals that may make the call, if the declaration allows more of them
 * @throws ApiError as `decideAccess` does
 */
export async function readOrganization<Row>(
  call: Call,
  columns: Sql,
  allowed?: readonly Principal[],
): Promise<Row & OrganizationRelation> {
  const access = accessOverOrganization(call);
  const relation = organizationRelation(call.actor, call.appId, call.orgId, call.services.clock.now(), columns);
  const [row] = await call.services.db.query<Row & OrganizationRelation>(relation);
  decideByRelation(call, access, allowed ?? access.principals, row);
  if (!row) throw new Error(`${call.route.operationId} was granted access without a relation`);
  return row;
}

/**
 * Reads a user in one round trip, together with the relation that decides on access.
 *
 * @param columns columns of `users u`, each after a comma
 * @throws ApiError as `decideAccess` does
 */
export async function readUser<Row>(call: Call, userId: string, columns: Sql): Promise<Row & UserRelation> {
  const relation = userRelation(call.actor, call.appId, userId, call.services.clock.now(), columns);
  const [row] = await call.services.db.query<Row & UserRelation>(relation);
  decideOverUser(call, row);
  if (!row) throw new Error(`${call.route.operationId} was granted access without a relation`);
  return row;
}
