import type { Queryable, Sql } from '../db/db.ts';
import { empty, sql } from '../db/db.ts';
import {
  type OrganizationOperation,
  type OrganizationStatus,
  rulingOn,
  statusesInForce,
} from './organization-states.ts';
import type { Actor } from './actor.ts';
import { ApiError, type ErrorCode } from '../http/errors.ts';

/**
 * Who may call a route, described in the documentation of every operation.
 * What a caller *is* depends on what is addressed: the same human can be ORG_OWNER of one organization and a
 * stranger to the next.
 */
export const principals = {
  SESSION_OWNER: 'the human whose session or user id is addressed',
  SUPER_ADMIN: 'a human with full rights over the app',
  ORG_OWNER: 'a human with full control of the organization',
  ORG_USER_MANAGER: 'a human who manages the users of the organization',
  ORG_MEMBER: 'a human with any role or manager role in the organization',
  GENERIC_MACHINE_USER: 'a machine user of the app',
} as const;

export type Principal = keyof typeof principals;

/** What a call acts on: the caller's stored relation to it decides. */
export type Access =
  | PublicAccess
  /** The operator's key. */
  | { readonly scope: 'platform' }
  | Scoped<'app'>
  | (Scoped<'organization'> & {
      readonly from: 'path' | 'header';
      readonly operation: OrganizationOperation;
      /** Those who act on the app's behalf get through to what is left of a deleted organization too. */
      readonly orDeleted?: true;
    })
  | (Scoped<'user'> & { readonly from: 'path' | 'body'; readonly mailedToken: boolean })
  | Scoped<'session'>;

/** Access without a credential; see `publicAccess`. */
interface PublicAccess {
  readonly scope: 'public';
  readonly app: 'checked' | 'in-query' | 'none';
  readonly setsCookie: boolean;
  readonly acceptsSession?: true;
}

interface Scoped<Scope extends string> {
  readonly scope: Scope;
  readonly principals: readonly Principal[];
}

export type OverOrganization = Extract<Access, { scope: 'organization' }>;

/**
 * Access without a credential.
 *
 * @param options.app `checked` (the default): the app header is required and the app is active; `in-query`: the same,
 *   but the handler's own query checks the status of the app; `none`: no app header, for pages and probes
 * @param options.setsCookie the response sets a session cookie: requests from foreign origins are refused
 * @param options.acceptsSession a session token sent as Bearer authenticates its user; an invalid token is refused
 */
export const publicAccess = (options: Partial<Omit<PublicAccess, 'scope'>> = {}): PublicAccess => ({
  scope: 'public',
  app: 'checked',
  setsCookie: false,
  ...options,
});
/** The operator of the deployment. */
export const platformAccess: Access = { scope: 'platform' };

/** Callers of the app, whatever they address. */
export const overApp = (...allowed: Principal[]): Access => ({ scope: 'app', principals: allowed });
/**
 * Callers by their relation to the organization `:orgId` of the path.
 *
 * @param operation what the route does to the organization: whether that goes depends on the organization's status
 */
export const overOrganization = (operation: OrganizationOperation, ...allowed: Principal[]): OverOrganization => ({
  scope: 'organization',
  from: 'path',
  operation,
  principals: allowed,
});
/** The same; what is left of a deleted organization is there for super admins and machine users. */
export const overOrganizationOrDeleted = (
  operation: OrganizationOperation,
  ...allowed: Principal[]
): OverOrganization => ({ ...overOrganization(operation, ...allowed), orDeleted: true });
/** Callers by their relation to the organization of the `X-Iam-Orgid` header. */
export const overOrganizationInHeader = (
  operation: OrganizationOperation,
  ...allowed: Principal[]
): OverOrganization => ({
  scope: 'organization',
  from: 'header',
  operation,
  principals: allowed,
});
/** Callers by their relation to the user `:userId` of the path. */
export const overUser = (...allowed: Principal[]): Access => ({
  scope: 'user',
  from: 'path',
  mailedToken: false,
  principals: allowed,
});
/** Callers by their relation to the user `userId` of the body; with `mailedToken` the token of a mail will do too. */
export const overUserInBody = (options: { mailedToken: boolean }, ...allowed: Principal[]): Access => ({
  scope: 'user',
  from: 'body',
  ...options,
  principals: allowed,
});
/** The human whose session `:sessionId` is. */
export const overSession = (...allowed: Principal[]): Access => ({ scope: 'session', principals: allowed });

/** The principals a caller holds over what is addressed. Empty: they may not even see it. */
export type Held = readonly Principal[];

/**
 * The one decision: one of the allowed principals is held → go on; nothing is held → the resource does not exist
 * for this caller; else they see it but may not do this.
 *
 * @throws ApiError `notFound` or `access_denied`
 */
export function evaluate(allowed: readonly Principal[], held: Held, notFound: ErrorCode): void {
  if (held.some((principal) => allowed.includes(principal))) return;
  throw new ApiError(held.length === 0 ? notFound : 'access_denied', { isDenial: true });
}

/** What the actor is in the app, before anything in it is addressed. */
export function heldOverApp(actor: Actor): Held {
  switch (actor.kind) {
    case 'machine':
      return ['GENERIC_MACHINE_USER'];
    case 'user':
      return actor.user.isSuperAdmin ? ['SESSION_OWNER', 'SUPER_ADMIN'] : ['SESSION_OWNER'];
    case 'mailed-token':
    case 'platform':
    case 'anonymous':
      return [];
  }
}

/** Super admins and machines see everything in the app: what they do not find does not exist. */
export const seesWholeApp = (actor: Actor): boolean =>
  heldOverApp(actor).some((principal) => principal === 'SUPER_ADMIN' || principal === 'GENERIC_MACHINE_USER');

const orgOwner = sql`ARRAY['ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER']`;

/**
 * What a human holds over an organization (text[]): owner implies manager, a super admin may do whatever an owner may, a
 * row of `members` makes a member. It speaks of a row of `members caller` that is left-joined.
 */
const heldByHuman = (isSuperAdmin: Sql): Sql => sql`
  CASE
    WHEN ${isSuperAdmin} THEN ARRAY['SUPER_ADMIN'] || ${orgOwner}
    WHEN caller.is_owner THEN ${orgOwner}
    WHEN caller.is_manager THEN ARRAY['ORG_USER_MANAGER', 'ORG_MEMBER']
    WHEN caller.user_id IS NOT NULL THEN ARRAY['ORG_MEMBER']
    ELSE ARRAY[]::text[]
  END`;

/**
 * One row with the principals that the actor holds over the organization, or no row when it does not exist:
 * columns `id`, `status`, `held` (text[]).
 *
 * @param columns further columns of `organizations o`, each after a comma. Use them only after a decision on access
 */
export function organizationRelation(actor: Actor, appId: string, orgId: string, columns = empty): Sql {
  const organization = sql`${columns} FROM organizations o WHERE o.app_id = ${appId} AND o.id = ${orgId}`;
  if (actor.kind === 'machine')
    return sql`SELECT o.id, o.status, ARRAY['GENERIC_MACHINE_USER'] AS held ${organization}`;
  if (actor.kind !== 'user') return sql`SELECT o.id, o.status, ARRAY[]::text[] AS held ${organization}`;
  return sql`
    SELECT o.id, o.status, ${heldByHuman(sql`${actor.user.isSuperAdmin}::boolean`)} AS held ${columns}
    FROM organizations o
    LEFT JOIN members caller ON caller.app_id = ${appId} AND caller.org_id = o.id AND caller.user_id = ${actor.user.id}
    WHERE o.app_id = ${appId} AND o.id = ${orgId}`;
}

/** An actor as a parameter of a statement that decides on several calls. */
export interface Asker {
  readonly isMachine: boolean;
  readonly isSuperAdmin: boolean;
  readonly userId: string | null;
}

export const toAsker = (actor: Actor): Asker => ({
  isMachine: actor.kind === 'machine',
  isSuperAdmin: actor.kind === 'user' && actor.user.isSuperAdmin,
  userId: actor.kind === 'user' ? actor.user.id : null,
});

/**
 * The same for a statement that decides on several calls: what the asker of a row of `asked` (`is_machine`,
 * `is_super_admin`) holds over its organization.
 */
export const heldByAsker = sql`
  CASE WHEN asked.is_machine THEN ARRAY['GENERIC_MACHINE_USER'] ELSE ${heldByHuman(sql`asked.is_super_admin`)} END`;

/** What a caller is to an organization, and the status it is in. */
export interface OrganizationRelation {
  readonly held: Held;
  readonly status: OrganizationStatus;
}

/**
 * The one decision over an organization: the caller's relation to it and its status both have to allow the operation.
 * People of an organization that is out of service learn just that, whatever they ask for.
 *
 * @param relation undefined when there is no such organization
 * @throws ApiError `organization_not_found`, `access_denied`, `organization_inactive`, `organization_inactive_state`
 */
export function evaluateOverOrganization(
  operation: OrganizationOperation,
  allowed: readonly Principal[],
  relation: OrganizationRelation | undefined,
): Held {
  const { held = [], status = 'Active' } = relation ?? {};
  const ruling = rulingOn(status, operation, held);
  if (held.length > 0 && ruling === 'organization_inactive') throw new ApiError(ruling);
  evaluate(allowed, held, notFoundCode.organization);
  if (ruling === 'organization_inactive_state') throw new ApiError(ruling);
  return held;
}

/** What those who see the whole app hold over a deleted organization: the audit, which says that it was deleted. */
async function heldOverDeleted(db: Queryable, actor: Actor, appId: string, orgId: string): Promise<Held> {
  if (!seesWholeApp(actor)) return [];
  const [deleted] = await db.query(sql`
    SELECT 1 FROM audit_events
    WHERE app_id = ${appId} AND org_id = ${orgId} AND action = 'organization.deleted' LIMIT 1`);
  return deleted ? heldOverApp(actor) : [];
}

/** What it takes to find and decide on the caller's relation to an organization. */
async function decideOverOrganization(
  db: Queryable,
  access: OverOrganization,
  actor: Actor,
  { appId, orgId }: Addressed,
): Promise<Held> {
  const [relation] = await db.query<OrganizationRelation>(organizationRelation(actor, appId, orgId));
  if (!relation && access.orDeleted) {
    const held = await heldOverDeleted(db, actor, appId, orgId);
    evaluate(access.principals, held, notFoundCode.organization);
    return held;
  }
  return evaluateOverOrganization(access.operation, access.principals, relation);
}

/**
 * One row if the caller owns or manages an organization that the user is in, as long as that is in service: column
 * `held` (text[]).
 */
const throughOrganizations = (callerId: string, appId: string, userId: string): Sql => sql`
  SELECT CASE WHEN bool_or(caller.is_owner) THEN ARRAY['ORG_OWNER', 'ORG_USER_MANAGER'] ELSE ARRAY['ORG_USER_MANAGER'] END
    AS held
  FROM members caller
  JOIN organizations o ON o.app_id = ${appId} AND o.id = caller.org_id AND o.status = ANY (${statusesInForce()}::text[])
  JOIN members target ON target.app_id = ${appId} AND target.org_id = caller.org_id AND target.user_id = ${userId}
  WHERE caller.app_id = ${appId} AND caller.user_id = ${callerId} AND (caller.is_owner OR caller.is_manager)
  HAVING count(*) > 0`;

/** Owners and managers see the people of the organizations they own or manage, as long as those are in service. */
export async function heldThroughOrganizations(
  db: Queryable,
  callerId: string,
  appId: string,
  userId: string,
): Promise<Held> {
  const [row] = await db.query<UserRelation>(throughOrganizations(callerId, appId, userId));
  return row?.held ?? [];
}

/** What a caller is to a user. */
export interface UserRelation {
  readonly held: Held;
}

/** What the actor holds over a user whatever is stored, if that user exists; undefined: organizations decide. */
function heldOverAnyUser(actor: Actor, userId: string): Held | undefined {
  switch (actor.kind) {
    case 'mailed-token':
      return actor.userId === userId ? ['SESSION_OWNER'] : [];
    case 'machine':
      return ['GENERIC_MACHINE_USER'];
    case 'user':
      if (actor.user.id === userId) return heldOverApp(actor);
      return actor.user.isSuperAdmin ? ['SUPER_ADMIN'] : undefined;
    case 'platform':
    case 'anonymous':
      return [];
  }
}

/**
 * One row with what the actor holds over a user, column `held` (text[]), or no row when the user does not exist or is
 * none of the caller's business.
 *
 * @param columns further columns of `users u`, each after a comma. Use them only after a decision on access
 */
export function userRelation(actor: Actor, appId: string, userId: string, columns = empty): Sql {
  const held = heldOverAnyUser(actor, userId);
  if (held || actor.kind !== 'user')
    return sql`SELECT ${held ?? []}::text[] AS held ${columns} FROM users u WHERE u.app_id = ${appId} AND u.id = ${userId}`;
  return sql`
    SELECT through.held ${columns}
    FROM (${throughOrganizations(actor.user.id, appId, userId)}) AS through
    JOIN users u ON u.app_id = ${appId} AND u.id = ${userId}`;
}

/**
 * The one decision over a user.
 *
 * @param relation undefined when the caller sees no such user
 * @throws ApiError `user_not_found`, `access_denied`
 */
export function evaluateOverUser(allowed: readonly Principal[], relation: UserRelation | undefined): Held {
  const { held = [] } = relation ?? {};
  evaluate(allowed, held, notFoundCode.user);
  return held;
}

/** The own user needs no query: the credential found it. */
async function heldOverUser(db: Queryable, actor: Actor, appId: string, userId: string): Promise<Held> {
  if (actor.kind === 'mailed-token' || (actor.kind === 'user' && actor.user.id === userId)) {
    return heldOverAnyUser(actor, userId) ?? [];
  }
  const [row] = await db.query<UserRelation>(userRelation(actor, appId, userId));
  return row?.held ?? [];
}

async function heldOverSession(db: Queryable, actor: Actor, appId: string, sessionId: string): Promise<Held> {
  if (actor.kind !== 'user') return [];
  const [own] = await db.query(sql`
    SELECT 1 FROM sessions WHERE app_id = ${appId} AND id = ${sessionId} AND user_id = ${actor.user.id}`);
  return own ? ['SESSION_OWNER'] : [];
}

/** What `call` addresses, taken from the validated request. */
export interface Addressed {
  readonly appId: string;
  readonly orgId: string;
  readonly userId: string;
  readonly sessionId: string;
}

/** The code of the answer when the caller may not even see what a route of this scope addresses. */
export const notFoundCode = {
  app: 'access_denied',
  organization: 'organization_not_found',
  user: 'user_not_found',
  session: 'session_not_found',
} as const satisfies Record<string, ErrorCode>;

/**
 * Decides on stored data whether the actor may call a route, with at most one query.
 *
 * @returns the principals the actor holds, for rules that depend on more than the route
 * @throws ApiError `human_required`, `access_denied` (403) or the scope's not-found code (404); over an organization
 *   also what its status says
 */
export async function decide(db: Queryable, access: Access, actor: Actor, addressed: Addressed): Promise<Held> {
  if (access.scope === 'public' || access.scope === 'platform') return [];
  if (actor.kind === 'machine' && !access.principals.includes('GENERIC_MACHINE_USER')) refuseMachine(access);
  if (access.scope === 'organization') return decideOverOrganization(db, access, actor, addressed);
  const held = await heldOver(db, access.scope, actor, addressed);
  evaluate(access.principals, held, notFoundCode[access.scope]);
  return held;
}

/** Where only the person themselves may act, a machine is told that a human is needed. */
function refuseMachine(access: Access): void {
  if (access.scope === 'app' && access.principals.includes('SESSION_OWNER')) throw new ApiError('human_required');
}

function heldOver(
  db: Queryable,
  scope: Exclude<keyof typeof notFoundCode, 'organization'>,
  actor: Actor,
  addressed: Addressed,
): Promise<Held> {
  switch (scope) {
    case 'app':
      return Promise.resolve(heldOverApp(actor));
    case 'user':
      return heldOverUser(db, actor, addressed.appId, addressed.userId);
    case 'session':
      return heldOverSession(db, actor, addressed.appId, addressed.sessionId);
  }
}
