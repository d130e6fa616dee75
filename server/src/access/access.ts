import type { ErrorCode } from '../http/errors.ts';
import type { MachineScope } from './machine-scopes.ts';
import type { OrganizationOperation } from './organization-states.ts';
import type { RequiredAuthentication } from './required-authentication.ts';

/**
 * The kinds of callers, described in the documentation of every operation. The principals of a caller depend on the
 * target: the same person can be ORG_OWNER of one organization and have no relation to another.
 */
export const principals = {
  SESSION_OWNER: 'the person whose session or user id is addressed',
  SUPER_ADMIN: 'a person with full rights over the app',
  ORG_OWNER: 'a person with full control of the organization',
  ORG_USER_MANAGER: 'a person who manages the users of the organization',
  ORG_MEMBER: 'a person with any role or manager role in the organization',
  GENERIC_MACHINE_USER: 'a machine user of the app',
  ORG_MACHINE_USER:
    'a machine user of the organization, with the rights of a member or, if it has that role, a manager',
} as const;

export type Principal = keyof typeof principals;

/** Access declaration of a route: the target of its calls, and the principals that may act on it. */
export type Access =
  | PublicAccess
  /** Only with the operator's key. */
  | { readonly target: 'platform' }
  | Targeted<'app'>
  | (Targeted<'organization'> & {
      readonly from: 'path' | 'header';
      readonly operation: OrganizationOperation;
      /** The session need not meet the policy of the organization. */
      readonly evenBelowPolicy?: true;
      /** Super admins and machine users can also access the remaining data of a deleted organization. */
      readonly orDeleted?: true;
    })
  | (Targeted<'user'> & { readonly from: 'path' | 'body'; readonly mailedToken: boolean })
  | Targeted<'session'>;

/** Access without a credential; see `publicAccess`. */
interface PublicAccess {
  readonly target: 'public';
  readonly app: 'checked' | 'in-query' | 'in-path' | 'none';
  readonly setsCookie: boolean;
  readonly acceptsSession?: true;
}

interface Targeted<Target extends string> extends Accepted {
  readonly target: Target;
  readonly principals: readonly Principal[];
}

/** The credentials that a route accepts in addition to session tokens, and what it requires of a session. */
interface Accepted {
  /** Access tokens of people (contract 6.1) are accepted, too. Absent: they are refused with `session_required`. */
  readonly accessToken?: true;
  /**
   * Machine users of organizations (contract 6.3) may call, with the rights of a member or manager. Absent: they
   * are refused, because only people and machine users of the app may call.
   */
  readonly organizationMachine?: true;
  /** The scope that a machine user needs. Every route that machine users may call declares one. */
  readonly machineScope?: MachineScope;
  /** The authentication that the route requires of every person. Machine users are exempt. */
  readonly authentication?: RequiredAuthentication;
}

export type TargetedAccess = Extract<Access, { principals: unknown }>;

export type OverOrganization = Extract<Access, { target: 'organization' }>;

/**
 * Access without a credential.
 *
 * @param options.app `checked` (the default): the app header is required and the app is active; `in-query`: the same,
 *   but the handler's own query checks the status of the app; `in-path`: the same, but `:app` in the path names the
 *   app; `none`: no app header, for pages and probes
 * @param options.setsCookie the response sets a session cookie: requests from other origins are refused unless the app
 *   allows them
 * @param options.acceptsSession a session token sent as Bearer authenticates its user; an invalid token is refused
 */
export const publicAccess = (options: Partial<Omit<PublicAccess, 'target'>> = {}): PublicAccess => ({
  target: 'public',
  app: 'checked',
  setsCookie: false,
  ...options,
});
/** The operator of the deployment. */
export const platformAccess: Access = { target: 'platform' };

/** Callers of the app, regardless of the target. */
export const overApp = (...allowed: Principal[]): TargetedAccess => ({ target: 'app', principals: allowed });
/**
 * Callers by their relation to the organization `:orgId` of the path.
 *
 * @param operation the kind of operation; the status of the organization determines whether it is allowed
 */
export const overOrganization = (operation: OrganizationOperation, ...allowed: Principal[]): OverOrganization => ({
  target: 'organization',
  from: 'path',
  operation,
  principals: allowed,
});
/** Lets sessions call that do not meet the policy of the organization, for example to leave it. */
export const evenBelowPolicy = (access: OverOrganization): OverOrganization => ({ ...access, evenBelowPolicy: true });
/**
 * Like {@link overOrganization}, but super admins and machine users can also access the remaining data of a deleted
 * organization.
 */
export const overOrganizationOrDeleted = (
  operation: OrganizationOperation,
  ...allowed: Principal[]
): OverOrganization => ({ ...overOrganization(operation, ...allowed), orDeleted: true });
/** Callers by their relation to the organization of the `X-Iam-Orgid` header. */
export const overOrganizationInHeader = (
  operation: OrganizationOperation,
  ...allowed: Principal[]
): OverOrganization => ({
  target: 'organization',
  from: 'header',
  operation,
  principals: allowed,
});
/** Callers by their relation to the user `:userId` of the path. */
export const overUser = (...allowed: Principal[]): TargetedAccess => ({
  target: 'user',
  from: 'path',
  mailedToken: false,
  principals: allowed,
});
/**
 * Callers by their relation to the user `userId` of the body; with `mailedToken` the token of a mail is accepted too.
 */
export const overUserInBody = (options: { mailedToken: boolean }, ...allowed: Principal[]): TargetedAccess => ({
  target: 'user',
  from: 'body',
  ...options,
  principals: allowed,
});
/** The owner of the session `:sessionId`. */
export const overSession = (...allowed: Principal[]): TargetedAccess => ({ target: 'session', principals: allowed });

/** Whether only machine users may call. The decision on access refuses people, with every credential. */
export const isForMachinesOnly = ({ principals: allowed }: TargetedAccess): boolean =>
  allowed.every((principal) => principal === 'GENERIC_MACHINE_USER');

/** Whether people must present the session itself, not an access token. */
export const needsSession = (access: Access): boolean =>
  'principals' in access ? !access.accessToken && !isForMachinesOnly(access) : true;

/**
 * Accepts additional credentials, which a route does not by default, or requires a stronger session.
 *
 * @param accepted credentials that the route accepts, and what it requires of a session
 * @param access who may call the route
 */
export const accepting = <Declared extends TargetedAccess>(accepted: Accepted, access: Declared): Declared => ({
  ...access,
  ...accepted,
});

/** The principals that a caller holds for the target. Empty: the caller may not see the target. */
export type Held = readonly Principal[];

/** Ids of the target of a call, from the validated request. */
export interface Addressed {
  readonly appId: string;
  readonly orgId: string;
  readonly userId: string;
  readonly sessionId: string;
}

/** Error code by target, for callers who may not see the target. */
export const notFoundCode = {
  app: 'access_denied',
  organization: 'organization_not_found',
  user: 'user_not_found',
  session: 'session_not_found',
} as const satisfies Record<string, ErrorCode>;
