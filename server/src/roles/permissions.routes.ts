import { evaluate, type Held, overOrganization, toAsker } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { decideAccess } from '../calls/decide-access.ts';
import { decideByDeclaration } from '../calls/decide-in-statement.ts';
import { type Call, noAudit, nothingKept, route } from '../calls/route.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { checkPermissions, permissionsChecked } from './permissions.schema.ts';

/**
 * Who is asked about: by default the human who asks.
 *
 * @throws ApiError `validation_failed` after a decision on access, like every other fault of a handler
 */
async function subjectOf(call: Call, userId: string | undefined): Promise<string> {
  const subject = userId ?? selfOf(call);
  if (subject !== undefined) return subject;
  await decideAccess(call);
  const message = 'Required: a machine user has no permissions of its own.';
  throw new ApiError('validation_failed', { faults: [{ pointer: '/body/userId', message }] });
}

const selfOf = ({ actor }: Call): string | undefined => (actor.kind === 'user' ? actor.user.id : undefined);

/** Everybody may ask about themselves, managers and backends about others. */
function checkMayAsk(call: Call, held: Held, userId: string): void {
  if (userId !== selfOf(call)) evaluate(['ORG_USER_MANAGER', 'GENERIC_MACHINE_USER'], held, 'organization_not_found');
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
    decidesInStatement: 'by-declaration',
    audit: noAudit('It answers a question and changes nothing.'),
    idempotency: nothingKept('It only reads.'),
    params: organizationParams,
    body: checkPermissions,
    response: { status: 200, description: 'The answer for each permission.', body: permissionsChecked },
    handler: async (call) => {
      const { services, appId, orgId, body } = call;
      const userId = await subjectOf(call, body.userId);
      const question = { appId, orgId, asker: toAsker(call.actor), userId, permissions: body.permissions };
      const { relation, results } = await services.checkPermissions(question);
      const held = decideByDeclaration(call, relation);
      checkMayAsk(call, held, userId);
      return { userId, orgId, results: [...results] };
    },
  }),
];
