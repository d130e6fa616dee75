import type { PresentedSession, SignedInUser } from '../access/actor.ts';
import { toManagerRoles } from '../members/members.store.ts';
import { authenticationClaims } from './authentication-claims.ts';
import type { TokenMembership } from './token-grants.store.ts';

/** Maximum size of the list of permissions in a token, because a token must fit into a header. */
const maxPermissionsBytes = 4096;
/** Maximum size of the list of roles. */
const maxRolesBytes = 1024;
/**
 * Maximum size of all claims. Their token has at most 7,900 characters, because common proxies and our own verifier
 * refuse headers of more than 8 KiB.
 */
const maxClaimsBytes = 5700;

const bytesOf = (value: object): number => Buffer.byteLength(JSON.stringify(value));

/** The claims about the person and their session. @see RFC 9068, section 2.2 */
export const claimsOfPerson = (user: SignedInUser, session: PresentedSession) => ({
  sub: user.id,
  sid: session.id,
  token_use: 'user',
  ...authenticationClaims(session),
  email: user.email,
  email_verified: user.isEmailVerified && user.isEmailClaimed,
});

/**
 * The claims about the roles and permissions of the person in the organization of the token. A list that is too long is
 * omitted and marked: if a list is missing, the service must use the permission check, and never allow everything.
 *
 * @param others all other claims of the token, which share its size limit
 */
export function claimsOfMembership(membership: Omit<TokenMembership, 'unmet'>, others: object) {
  const { orgId, roles, permissions } = membership;
  const fits = bytesOf(roles) <= maxRolesBytes;
  const claims = {
    org_id: orgId,
    org_manager_roles: toManagerRoles({ is_owner: membership.isOwner, is_manager: membership.isManager }),
    ...(fits ? { org_roles: roles } : { org_roles_truncated: true }),
  };
  const room = Math.min(maxPermissionsBytes, maxClaimsBytes - bytesOf({ ...others, ...claims }));
  return { ...claims, ...(bytesOf(permissions) <= room ? { permissions } : { permissions_truncated: true }) };
}
