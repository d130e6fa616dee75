import { isDeepStrictEqual } from 'node:util';
import { accepting, evenBelowPolicy, overOrganization } from '../access/access.ts';
import { policyRefusal } from '../access/organization-policy.ts';
import { requireStrongestFactor } from '../access/required-authentication.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { requireSignInMethod } from '../apps/sign-in-methods.ts';
import { readOrganization } from '../calls/decide-in-statement.ts';
import { requireFreshForChange } from '../calls/fresh-authentication.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { takeLimitWithin } from '../calls/take-limit.ts';
import { ApiError } from '../http/errors.ts';
import { acceptedVersions, etag } from '../http/if-match.ts';
import { notifyPolicyUpdate } from '../members/notify-owners.ts';
import { requireSession } from '../sessions/session-of-caller.ts';
import { etagHeader, organizationParams } from './organizations.schema.ts';
import {
  type OrganizationSecurity,
  organizationSecurity,
  type SecurityPatch,
  updateSecurity,
} from './security.schema.ts';
import {
  lockSecurity,
  securityColumns,
  type SecurityRow,
  storeSecurity,
  toSecurity,
  toStoredPolicy,
} from './security.store.ts';

type Field = keyof OrganizationSecurity;

const withPatch = (before: OrganizationSecurity, patch: SecurityPatch): OrganizationSecurity => ({
  mfa: patch.mfa ?? before.mfa,
  allowedFactors: patch.allowedFactors === undefined ? before.allowedFactors : patch.allowedFactors,
  maxSessionHours: patch.maxSessionHours === undefined ? before.maxSessionHours : patch.maxSessionHours,
  rememberDays: patch.rememberDays ?? before.rememberDays,
  signInMethods: patch.signInMethods === undefined ? before.signInMethods : patch.signInMethods,
});

/** The changed fields. The order of lists does not matter. */
const changesBetween = (before: OrganizationSecurity, after: OrganizationSecurity): Field[] =>
  (Object.keys(after) as Field[]).filter((field) => {
    const [old, next] = [before[field], after[field]].map((value) =>
      Array.isArray(value) ? new Set<unknown>(value) : value,
    );
    return !isDeepStrictEqual(old, next);
  });

/**
 * Changes the policy. The session of the caller must meet both the stored policy and the new one. The stored policy is
 * read under the lock, so that a concurrent change counts. People who have a second factor must have used it within the
 * last ten minutes, so that a stolen session cannot remove the protection.
 *
 * @throws ApiError `precondition_failed`, `policy_locks_you_out`, `sign_in_method_disabled`, `step_up_required`,
 *   `reauthentication_required`, `rate_limited`
 */
async function changeSecurity(call: Call, patch: SecurityPatch) {
  const { services, appId, orgId, actor } = call;
  const now = services.clock.now();
  const versions = acceptedVersions(call.request);
  const app = await namedAppOf(call);
  return mutate(call, async (tx) => {
    await requireSession(tx, call);
    const { name, security, version, unmet } = await lockSecurity(tx, appId, orgId, actor, now);
    if (unmet) throw policyRefusal(unmet);
    if (versions !== undefined && !versions.includes(version)) throw new ApiError('precondition_failed');
    const before = toSecurity(security);
    const after = withPatch(before, patch);
    const changes = changesBetween(before, after);
    if (changes.length === 0) return { result: { security: before, version }, event: undefined };
    requireFreshForChange(call);
    // An organization can only be stricter than the app.
    if (changes.includes('signInMethods')) {
      for (const method of after.signInMethods ?? []) requireSignInMethod(app, method);
    }
    // Each change sends a mail to every owner.
    if (!call.held.includes('SUPER_ADMIN')) {
      await takeLimitWithin(tx, call, 'securityChangesPerOrganizationPerHour', orgId);
    }
    const changed = await storeSecurity(tx, appId, orgId, { policy: toStoredPolicy(after), actor, now });
    if (changed === undefined) throw new ApiError('policy_locks_you_out');
    requireStrongestFactor(actor, now);
    await notifyPolicyUpdate(tx, call, { organizationName: name, before, after, changes });
    const event = { target: { kind: 'organization', id: orgId }, orgId, changes };
    return { result: { security: after, version: changed }, event };
  });
}

export const securityRoutes = [
  route({
    method: 'GET',
    url: '/v1/authorization/organizations/:orgId/security',
    operationId: 'getOrganizationSecurity',
    tag: 'authorization',
    summary: 'Get the security policy of an organization',
    description:
      'Returns the conditions that a session must meet in the organization. Members can read the policy with every ' +
      'session, so that a client can show which condition is not met.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'organizations:read' },
      evenBelowPolicy(overOrganization('read', 'GENERIC_MACHINE_USER', 'ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER')),
    ),
    decidesInStatement: 'by-declaration',
    params: organizationParams,
    response: { status: 200, description: 'The policy.', body: organizationSecurity, headers: etagHeader },
    handler: async (call) => {
      const { security, version } = await readOrganization<SecurityRow>(call, securityColumns);
      call.reply.header('etag', etag(version));
      return toSecurity(security);
    },
  }),

  route({
    method: 'PATCH',
    url: '/v1/authorization/organizations/:orgId/security',
    operationId: 'updateOrganizationSecurity',
    freshAuthentication: 'always',
    freshAuthenticationFor: 'changes',
    tag: 'authorization',
    summary: 'Change the security policy of an organization',
    description:
      'Sets the conditions that a session must meet in the organization, effective from the next request on, also ' +
      'for existing sessions. A session that does not meet the policy sees the organization without roles and ' +
      'permissions, and its user cannot act there as owner or manager. The session of the caller must meet both ' +
      'the stored policy and the new one. People who have a second factor must have used it within the last ten ' +
      'minutes. Machine users are exempt from the policy, super admins are not. All owners of the organization are ' +
      'notified by mail. Changes by owners are limited per hour. With If-Match the change applies only to that ' +
      'version of the organization.',
    access: overOrganization('change', 'ORG_OWNER'),
    audit: 'organization.security_updated',
    params: organizationParams,
    body: updateSecurity,
    response: { status: 200, description: 'The changed policy.', body: organizationSecurity, headers: etagHeader },
    errors: ['policy_locks_you_out', 'precondition_failed', 'sign_in_method_disabled', 'rate_limited'],
    handler: async (call) => {
      const { security, version } = await changeSecurity(call, call.body);
      call.reply.header('etag', etag(version));
      return security;
    },
  }),
];
