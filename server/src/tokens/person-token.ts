import type { PresentedSession, SignedInUser } from '../access/actor.ts';
import { toManagerRoles } from '../members/members.store.ts';
import type { TokenMembership } from './token-grants.store.ts';

/** The longest list of permissions in a token: a token has to fit into a header. */
const maxPermissionsBytes = 4096;
/** The longest list of roles. */
const maxRolesBytes = 1024;
/**
 * The longest claims altogether. Their token has at most 7,900 characters: common proxies and our own verifier refuse
 * headers of more than 8 KiB.
 */
const maxClaimsBytes = 5700;

const bytesOf = (value: object): number => Buffer.byteLength(JSON.stringify(value));

/** Authentication context class references: how strongly the session was authenticated. */
const acrOf = (amr: readonly string[]): string => `urn:gatehouse:acr:${amr.includes('mfa') ? 2 : 1}`;

/** The claims about the person and their session. @see RFC 9068, section 2.2 */
export const claimsOfPerson = (user: SignedInUser, session: PresentedSession) => ({
  sub: user.id,
  sid: session.id,
  token_use: 'user',
  auth_time: Math.floor(session.authenticatedAt.getTime() / 1000),
  amr: [...session.amr],
  acr: acrOf(session.amr),
  email: user.email,
  email_verified: user.isEmailVerified && user.isEmailClaimed,
});

/**
 * The claims about what the person holds in the organization that the token names. A list that is too long is left out
 * and marked: its absence means "ask", never "allow".
 *
 * @param others all other claims of the token, which share its room
 */
export function claimsOfMembership(membership: TokenMembership, others: object) {
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
