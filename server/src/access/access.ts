import type { ErrorCode } from '../http/errors.ts';
import type { MachineScope } from './machine-scopes.ts';
import type { OrganizationOperation } from './organization-states.ts';

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
  | { readonly target: 'platform' }
  | Targeted<'app'>
  | (Targeted<'organization'> & {
      readonly from: 'path' | 'header';
      readonly operation: OrganizationOperation;
      /** Those who act on the app's behalf get through to what is left of a deleted organization too. */
      readonly orDeleted?: true;
    })
  | (Targeted<'user'> & { readonly from: 'path' | 'body'; readonly mailedToken: boolean })
  | Targeted<'session'>;

/** Access without a credential; see `publicAccess`. */
interface PublicAccess {
  readonly target: 'public';
  readonly app: 'checked' | 'in-query' | 'none';
  readonly setsCookie: boolean;
  readonly acceptsSession?: true;
}

interface Targeted<Target extends string> extends Accepted {
  readonly target: Target;
  readonly principals: readonly Principal[];
}

/** The credentials that a route accepts beside session tokens. */
interface Accepted {
  /** People's access tokens (contract 6.1) authenticate too. Absent: they are refused with `session_required`. */
  readonly accessToken?: true;
  /** The scope that a machine user needs. Every route that machine users may call names one. */
  readonly machineScope?: MachineScope;
}

export type TargetedAccess = Extract<Access, { principals: unknown }>;

export type OverOrganization = Extract<Access, { target: 'organization' }>;

/**
 * Access without a credential.
 *
 * @param options.app `checked` (the default): the app header is required and the app is active; `in-query`: the same,
 *   but the handler's own query checks the status of the app; `none`: no app header, for pages and probes
 * @param options.setsCookie the response sets a session cookie: requests from foreign origins are refused
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
 * @param operation what the route does to the organization: whether that goes depends on the organization's status
 */
export const overOrganization = (operation: OrganizationOperation, ...allowed: Principal[]): OverOrganization => ({
  target: 'organization',
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
/** Callers by their relation to the user `userId` of the body; with `mailedToken` the token of a mail will do too. */
export const overUserInBody = (options: { mailedToken: boolean }, ...allowed: Principal[]): TargetedAccess => ({
  target: 'user',
  from: 'body',
  ...options,
  principals: allowed,
});
/** The human whose session `:sessionId` is. */
export const overSession = (...allowed: Principal[]): TargetedAccess => ({ target: 'session', principals: allowed });

/** Whether only machine users may call. The decision on access refuses people, with every credential. */
const isForMachinesOnly = ({ principals: allowed }: TargetedAccess): boolean =>
  allowed.every((principal) => principal === 'GENERIC_MACHINE_USER');

/** Whether people must present the session itself, not an access token. */
export const needsSession = (access: Access): boolean =>
  'principals' in access ? !access.accessToken && !isForMachinesOnly(access) : true;

/**
 * Accepts further credentials. A route accepts none of them unless it says so.
 *
 * @param accepted what the route accepts
 * @param access who may call the route
 */
export const accepting = <Declared extends TargetedAccess>(accepted: Accepted, access: Declared): Declared => ({
  ...access,
  ...accepted,
});

/** The principals a caller holds over what is addressed. Empty: they may not even see it. */
export type Held = readonly Principal[];

/** What `call` addresses, taken from the validated request. */
export interface Addressed {
  readonly appId: string;
  readonly orgId: string;
  readonly userId: string;
  readonly sessionId: string;
}

/** The code of the answer when the caller may not even see what a route with this target addresses. */
export const notFoundCode = {
  app: 'access_denied',
  organization: 'organization_not_found',
  user: 'user_not_found',
  session: 'session_not_found',
} as const satisfies Record<string, ErrorCode>;
