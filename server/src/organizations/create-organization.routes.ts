import { overApp } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { takeLimit } from '../calls/take-limit.ts';
import { ApiError } from '../http/errors.ts';
import { grantToMember } from '../members/members.store.ts';
import { checkMetadataLimit } from '../metadata.ts';
import { putRoles } from '../roles/roles.store.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import { createOrganization, organizationCreated } from './organizations.schema.ts';
import { countOrganizationsCreatedBy, insertCreator, insertOrganization } from './organizations.store.ts';

/**
 * Checks that the caller may create an organization in this app.
 *
 * @throws ApiError `organization_creation_disabled`, `account_unclaimed`
 */
async function requireCreator(call: Call): Promise<void> {
  const { settings } = await namedAppOf(call);
  if (!settings.usersMayCreateOrganizations) throw new ApiError('organization_creation_disabled');
  if (!signedIn(call.actor).user.isEmailClaimed) throw new ApiError('account_unclaimed');
}

export const createOrganizationRoutes = [
  route({
    method: 'POST',
    url: '/v1/authorization/organizations',
    operationId: 'createOrganization',
    tag: 'authorization',
    summary: 'Create an organization of my own',
    description:
      'Creates an organization, whose owner is the caller. Needs the app setting `usersMayCreateOrganizations` and a ' +
      'claimed account. A user can have created `organizationsPerUser` organizations; deleted ones do not count. An ' +
      'access token is not accepted.',
    access: overApp('SESSION_OWNER'),
    audit: 'organization.created',
    idempotency: 'kept',
    body: createOrganization,
    response: { status: 201, description: 'The organization is created.', body: organizationCreated },
    errors: [
      'organization_creation_disabled',
      'account_unclaimed',
      'organization_limit_reached',
      'organization_name_taken',
      'metadata_limit_exceeded',
      'role_limit_exceeded',
      'rate_limited',
    ],
    authorize: requireCreator,
    handler: async (call) => {
      const { appId, body, services } = call;
      const userId = signedIn(call.actor).user.id;
      const { organizationsPerUser: most } = (await namedAppOf(call)).settings;
      // Refused attempts count, too: a refusal tells whether an organization of this name exists.
      await takeLimit(call, 'organizationsPerUserPerDay', userId);
      const { name, metadata = {}, customRoles = [] } = body;
      checkMetadataLimit(metadata);
      const orgId = services.ids.next();
      const now = services.clock.now();
      return mutate(call, async (tx) => {
        // Lock the user, so that a concurrent call counts this organization.
        await lockCallerWithSession(tx, call);
        if ((await countOrganizationsCreatedBy(tx, appId, userId)) >= most) {
          throw new ApiError('organization_limit_reached');
        }
        await insertOrganization(tx, appId, { id: orgId, name, metadata, now });
        await insertCreator(tx, appId, orgId, userId);
        await putRoles(tx, appId, orgId, customRoles, now);
        await grantToMember(tx, appId, { orgId, userId, id: services.ids.next(), now }, [{ kind: 'ORG_OWNER' }]);
        const result = { message: 'Organization created', orgId };
        return { result, event: { target: { kind: 'organization', id: orgId }, orgId } };
      });
    },
  }),
];
