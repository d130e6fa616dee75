import { evaluate, overOrganization } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { type Call, noAudit, nothingKept, route } from '../calls/route.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { checkPermissions as findResults } from './effective-permissions.store.ts';
import { checkPermissions, permissionsChecked } from './permissions.schema.ts';

/** Who is asked about: everybody may ask about themselves, managers and backends about others. */
function subjectOf({ actor, held }: Call, userId: string | undefined): string {
  const self = actor.kind === 'user' ? actor.user.id : undefined;
  const subject = userId ?? self;
  if (subject === undefined) {
    const message = 'Required: a machine user has no permissions of its own.';
    throw new ApiError('validation_failed', { faults: [{ pointer: '/body/userId', message }] });
  }
  if (subject !== self) evaluate(['ORG_USER_MANAGER', 'GENERIC_MACHINE_USER'], held, 'organization_not_found');
  return subject;
}

export const permissionRoutes = [
  route({
    method: 'POST',
    url: '/v1/authorization/organizations/:orgId/permissions/check',
    operationId: 'checkPermissions',
    tag: 'authorization',
    summary: 'Check permissions',
    description:
      'Whether a user has permissions in the organization, through which roles, or why not. Members ask about themselves; owners, managers, super admins and machine users about anybody. Roles alone count: being owner, manager or super admin grants no permission.',
    access: overOrganization('read', 'GENERIC_MACHINE_USER', 'ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER'),
    audit: noAudit('It answers a question and changes nothing.'),
    idempotency: nothingKept('It only reads.'),
    params: organizationParams,
    body: checkPermissions,
    response: { status: 200, description: 'The answer for each permission.', body: permissionsChecked },
    handler: async (call) => {
      const { services, appId, orgId, body } = call;
      const userId = subjectOf(call, body.userId);
      const results = await findResults(services.db, appId, { orgId, userId }, body.permissions);
      if (!results) throw new ApiError('organization_not_found');
      return { userId, orgId, results };
    },
  }),
];
