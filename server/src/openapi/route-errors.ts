import { needsPolicy } from '../access/decide.ts';
import { statusRefusals } from '../access/organization-states.ts';
import { type Access, isForMachinesOnly, needsSession, notFoundCode } from '../access/access.ts';
import { type ErrorCode, errorCodes } from '../http/errors.ts';
import { asksForAuthentication } from '../calls/fresh-authentication.ts';
import { isMutation, type Route } from '../calls/route.ts';

/**
 * Every request is validated, even against an empty schema. Every call needs the database and may fail unexpectedly.
 */
const ofEveryRoute: readonly ErrorCode[] = [
  'validation_failed',
  'internal_error',
  'database_unavailable',
  'database_busy',
  'storage_full',
  'outcome_unknown',
];
/** The framework reads the body of a request even if the route has none. */
const ofEveryMutation: readonly ErrorCode[] = ['malformed_request', 'unsupported_media_type', 'body_too_large'];

type Targeted = Extract<Access, { principals: unknown }>;

/** Error codes for sessions that do not meet the policy of an organization. Machine users are exempt. */
const policyRefusals = (access: Targeted): ErrorCode[] =>
  isForMachinesOnly(access) ? [] : ['step_up_required', 'reauthentication_required'];

const seesThroughOrganizations = ({ principals }: Targeted): boolean => principals.includes('ORG_USER_MANAGER');

/**
 * Error codes of `decide`. Only for organizations and users can a caller see the target without being allowed to act.
 */
function refusals(access: Targeted): ErrorCode[] {
  switch (access.target) {
    case 'app':
      // Every person is SESSION_OWNER in the app. If that principal is allowed, only machine users are refused.
      if (!access.principals.includes('SESSION_OWNER')) return ['access_denied'];
      return access.principals.includes('GENERIC_MACHINE_USER') ? [] : ['human_required'];
    case 'organization':
      return [
        notFoundCode.organization,
        'access_denied',
        ...statusRefusals(access.operation),
        ...(needsPolicy(access) ? policyRefusals(access) : []),
        ...(access.from === 'header' ? (['org_id_required'] as const) : []),
      ];
    case 'user':
      return [notFoundCode.user, 'access_denied', ...(seesThroughOrganizations(access) ? policyRefusals(access) : [])];
    case 'session':
      return [notFoundCode.session];
  }
}

/** Error codes for machine users of organizations. */
function organizationMachine(access: Targeted): ErrorCode[] {
  if (access.organizationMachine) return ['organization_inactive'];
  return [isForMachinesOnly(access) ? 'access_denied' : 'human_required'];
}

/** Whether a restricted session may be refused. */
function refusesRestricted({ access, forRestrictedSessions }: Route): boolean {
  if (forRestrictedSessions?.length === 2) return false;
  return 'principals' in access ? !isForMachinesOnly(access) : access.target === 'public' && !!access.acceptsSession;
}

/** Error codes of authentication and authorization. */
function impliedByAccess(access: Access, mutates: boolean): ErrorCode[] {
  if (access.target === 'platform') return ['route_not_found', 'unauthenticated'];
  if (access.target !== 'public') {
    const origin: ErrorCode[] = mutates ? ['origin_not_allowed'] : [];
    const session: ErrorCode[] = needsSession(access) ? ['session_required'] : [];
    const scope: ErrorCode[] = access.machineScope === undefined ? [] : ['insufficient_scope'];
    const token: ErrorCode[] = access.accessToken ? ['organization_inactive'] : [];
    const machine: ErrorCode[] = [...scope, 'network_not_allowed'];
    return [
      'app_name_required',
      'app_not_found',
      'unauthenticated',
      ...session,
      ...token,
      ...machine,
      ...organizationMachine(access),
      ...origin,
      ...refusals(access),
    ];
  }
  if (access.app === 'none') return [];
  if (access.app === 'in-path') return ['app_not_found', 'app_inactive'];
  const origin: ErrorCode[] = access.setsCookie ? ['origin_not_allowed'] : [];
  const session: ErrorCode[] = access.acceptsSession
    ? ['unauthenticated', 'session_required', 'network_not_allowed']
    : [];
  return ['app_name_required', 'app_not_found', 'app_inactive', ...session, ...origin];
}

/**
 * The complete list of codes that a route may return, in the order of the table: the declared codes, and the codes
 * implied by its access, method and schemas.
 */
export function errorsOf(route: Route): ErrorCode[] {
  const mutates = isMutation(route);
  const codes = new Set<string>([
    ...ofEveryRoute,
    ...(mutates ? ofEveryMutation : []),
    ...impliedByAccess(route.access, mutates),
    ...(route.idempotency === 'kept' ? ['idempotency_key_reused', 'idempotency_in_progress'] : []),
    ...(route.changesState ? ['prefetch_refused'] : []),
    ...(asksForAuthentication(route) ? ['reauthentication_required', 'step_up_required'] : []),
    ...(refusesRestricted(route) ? ['mfa_enrolment_required'] : []),
    ...(route.addressLimit ? ['rate_limited'] : []),
    // Wrong long codes are limited for each client address.
    ...(route.errors?.includes('code_invalid') ? ['rate_limited'] : []),
    ...(route.errors ?? []),
  ]);
  return (Object.keys(errorCodes) as ErrorCode[]).filter((code) => codes.has(code));
}
