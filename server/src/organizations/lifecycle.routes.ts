import { accepting, evenBelowPolicy, overOrganization } from '../access/access.ts';
import { type Granted, readOrganization } from '../calls/decide-in-statement.ts';
import { sql } from '../db/db.ts';
import { mutate, mutateOrganization } from '../calls/mutate.ts';
import { type Call, nothingKept, route } from '../calls/route.ts';
import { deleteInvitedLeftOver, lockInvitedOf } from '../invitations/invitations.store.ts';
import { etag } from '../http/if-match.ts';
import type { OrganizationStatus } from '../access/organization-states.ts';
import { etagHeader, organizationParams, statusChanged } from './organizations.schema.ts';
import { closeOrganization, deleteOrganization, setStatus } from './organizations.store.ts';

/** The policy of an organization, which its owners set, must not protect it from the app. */
const mayGovern = ['SUPER_ADMIN', 'GENERIC_MACHINE_USER'] as const;

/**
 * Sets the status. Changes nothing if the organization already has this status. @returns the version of the
 * organization
 */
async function changeStatus(call: Call, status: OrganizationStatus): Promise<string> {
  const { services, appId, orgId } = call;
  const event = { target: { kind: 'organization', id: orgId }, orgId, changes: ['status'] };
  const update = (granted: Granted) => setStatus(granted, appId, status, services.clock.now());
  const version = await mutateOrganization(call, { allowed: mayGovern, event, update });
  return version ?? (await readOrganization<{ version: string }>(call, sql`, o.version`)).version;
}

const statusRoute = (verb: 'deactivate' | 'reactivate', status: OrganizationStatus, description: string) => {
  const name = verb === 'deactivate' ? 'Deactivate' : 'Reactivate';
  return route({
    method: 'POST',
    url: `/v1/authorization/organizations/:orgId/${verb}`,
    operationId: `${verb}Organization`,
    tag: 'authorization',
    summary: `${name} an organization`,
    description,
    access: accepting(
      { accessToken: true, machineScope: 'organizations:write' },
      evenBelowPolicy(overOrganization('govern', ...mayGovern)),
    ),
    decidesInStatement: 'by-own-list',
    audit: `organization.${verb}d`,
    idempotency: nothingKept('Creates nothing. Repeating the call changes nothing.'),
    params: organizationParams,
    response: {
      status: 200,
      description: `The organization is ${verb}d.`,
      body: statusChanged(`${name}OrganizationResult`, `Organization ${verb}d`),
      headers: etagHeader,
    },
    handler: async (call) => {
      call.reply.header('etag', etag(await changeStatus(call, status)));
      return { message: `Organization ${verb}d` };
    },
  });
};

export const lifecycleRoutes = [
  statusRoute(
    'deactivate',
    'Inactive',
    'From the next request on, members have no access through the organization; they only see its name ' +
      'and status. No data is deleted. Repeating the call changes nothing.',
  ),
  statusRoute(
    'reactivate',
    'Active',
    'All memberships, roles and permissions of the organization are effective again. Repeating the call ' +
      'changes nothing.',
  ),

  route({
    method: 'DELETE',
    url: '/v1/authorization/organizations/:orgId',
    operationId: 'deleteOrganization',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Delete an organization',
    description:
      'Permanently deletes the organization with its metadata, roles, memberships and invitations. Its members ' +
      'stay users of the app; users who were only invited to it are deleted. Its name becomes available again. ' +
      'Its audit events are kept.',
    access: evenBelowPolicy(overOrganization('govern', 'SUPER_ADMIN')),
    audit: 'organization.deleted',
    params: organizationParams,
    response: { status: 204, description: 'The organization is deleted.' },
    handler: (call) => {
      const { appId, orgId } = call;
      return mutate(call, async (tx) => {
        await lockInvitedOf(tx, appId, orgId);
        await closeOrganization(tx, appId, orgId);
        // Read the invited users again. No further invitation can be created from here on, but some may have been
        // created since the first read.
        const invited = await lockInvitedOf(tx, appId, orgId);
        await deleteOrganization(tx, appId, orgId);
        await deleteInvitedLeftOver(tx, appId, invited);
        return { result: undefined, event: { target: { kind: 'organization', id: orgId }, orgId } };
      });
    },
  }),
];
