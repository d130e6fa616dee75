import { evenBelowPolicy, overOrganization } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { endKeysOf } from '../api-keys/end-keys.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../calls/mutate.ts';
import { route } from '../calls/route.ts';
import { withdrawInvitations } from '../invitations/withdraw-invitations.ts';
import { endSecretsOfFormerOwner } from '../organization-machine-users/former-owners.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import { checkNotLastOwner } from './last-owner.ts';
import { deleteMember, managerGrants } from './members.store.ts';

export const leaveOrganizationRoutes = [
  route({
    method: 'DELETE',
    url: '/v1/authentication/users/me/organizations/:orgId',
    operationId: 'leaveOrganization',
    tag: 'authentication',
    summary: 'Leave an organization',
    description:
      'Removes the caller from the organization with all roles and manager roles. Pending invitations of ' +
      'the caller to the organization are revoked. The last active owner cannot leave.',
    access: evenBelowPolicy(overOrganization('remove', 'ORG_MEMBER')),
    audit: 'organization.left',
    params: organizationParams,
    response: { status: 204, description: 'The caller has left.' },
    errors: ['last_owner'],
    handler: (call) => {
      const { appId, orgId } = call;
      const { id: userId } = signedIn(call.actor).user;
      return mutate(call, async (tx) => {
        await lockCallerWithSession(tx, call);
        await checkNotLastOwner(tx, appId, userId, orgId);
        const endedKeys = await endKeysOf(tx, call, userId, orgId);
        // A super admin may act in every organization without being a member of it.
        if (!(await deleteMember(tx, appId, orgId, userId))) {
          throw new ApiError('organization_not_found', { detail: 'You are not a member of this organization.' });
        }
        const withdrawn = await withdrawInvitations(tx, call, userId, [...managerGrants, 'ROLE']);
        const ended = await endSecretsOfFormerOwner(tx, call, userId);
        const event = [{ target: { kind: 'user', id: userId }, orgId }, ...withdrawn, ...endedKeys, ...ended];
        return { result: undefined, event };
      });
    },
  }),
];
