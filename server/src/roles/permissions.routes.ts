import { accepting, evenBelowPolicy, type Held, overOrganization } from '../access/access.ts';
import { evaluate } from '../access/decide.ts';
import { policyRefusal } from '../access/organization-policy.ts';
import { type OrganizationRelation, toAsker } from '../access/relations.ts';
import { ApiError } from '../http/errors.ts';
import { decideByDeclaration } from '../calls/decide-in-statement.ts';
import { type Call, noAudit, nothingKept, route } from '../calls/route.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { checkPermissions, permissionsChecked, type PermissionsToCheck } from './permissions.schema.ts';

/** An id that no user has. Checks without a user use this id, so that access is decided before the check is refused. */
const nobody = '0';

const selfOf = ({ actor }: Call): string | undefined => (actor.kind === 'user' ? actor.user.id : undefined);

const withoutSubject = (): ApiError =>
  new ApiError('validation_failed', {
    faults: [{ pointer: '/body/userId', message: 'Required for machine users.' }],
  });

/** Members can check themselves; managers and backends can check others, if their session meets the policy. */
function checkMayAsk(call: Call, held: Held, relation: OrganizationRelation | undefined, userId: string): void {
  if (userId === selfOf(call)) return;
  evaluate(['ORG_USER_MANAGER', 'GENERIC_MACHINE_USER'], held, 'organization_not_found');
  if (relation?.unmet) throw policyRefusal(relation.unmet);
}

/** The session with which the user acts. People who check themselves act with the session of the call. */
function sessionOf({ actor, body }: Call<unknown, unknown, PermissionsToCheck>, userId: string | undefined) {
  if (body.sessionId !== undefined) return body.sessionId;
  return actor.kind === 'user' && actor.user.id === userId ? actor.session.id : undefined;
}

export const permissionRoutes = [
  route({
    method: 'POST',
    url: '/v1/authorization/organizations/:orgId/permissions/check',
    operationId: 'checkPermissions',
    tag: 'authorization',
    summary: 'Check permissions',
    description:
      'Checks whether a user has permissions in the organization. The response names the granting roles ' +
      'or the reason for a refusal. Members can check themselves; owners, managers, super admins and ' +
      'machine users can check any user. Only roles grant permissions: the status of owner, manager or ' +
      'super admin does not, unless the app setting `ownersHoldAllPermissions` is true for owners. If the ' +
      'organization has a security policy, a permission is allowed only with `sessionId` of a session of the ' +
      'user that meets the policy. Members who check themselves are checked with the session of the call.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'permissions:read' },
      evenBelowPolicy(overOrganization('read', 'GENERIC_MACHINE_USER', 'ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER')),
    ),
    decidesInStatement: 'by-declaration',
    audit: noAudit('It answers a question and changes nothing.'),
    idempotency: nothingKept('It only reads.'),
    params: organizationParams,
    body: checkPermissions,
    response: { status: 200, description: 'The answer for each permission.', body: permissionsChecked },
    errors: ['step_up_required', 'reauthentication_required'],
    handler: async (call) => {
      const { services, appId, orgId, body } = call;
      const userId = body.userId ?? selfOf(call);
      const asker = toAsker(call.actor);
      const { permissions } = body;
      const sessionId = sessionOf(call, userId);
      const question = { appId, orgId, asker, userId: userId ?? nobody, sessionId, permissions };
      const { relation, results } = await services.checkPermissions(question);
      const held = decideByDeclaration(call, relation);
      if (userId === undefined) throw withoutSubject();
      checkMayAsk(call, held, relation, userId);
      return { userId, orgId, results: [...results] };
    },
  }),
];
