import { accepting, overApp, overOrganizationOrDeleted } from '../access/access.ts';
import { route } from '../calls/route.ts';
import { organizationParams } from '../organizations/organizations.schema.ts';
import { auditEventList, auditQuery } from './audit.schema.ts';
import { listEvents } from './list-events.ts';

export const auditRoutes = [
  route({
    method: 'GET',
    url: '/v1/authorization/organizations/:orgId/audit-events',
    operationId: 'listOrganizationAuditEvents',
    tag: 'authorization',
    summary: 'List the audit events of an organization',
    description:
      'Lists the events of the organization, newest first. Owners see only the kind of actors outside the ' +
      'organization (super admins, machine users, former members), and cannot filter by their ids. Super ' +
      'admins and machine users see everything, even after the organization was deleted.',
    access: accepting(
      { accessToken: true, machineScope: 'audit:read' },
      overOrganizationOrDeleted('read', 'ORG_OWNER', 'SUPER_ADMIN', 'GENERIC_MACHINE_USER'),
    ),
    params: organizationParams,
    query: auditQuery,
    response: { status: 200, description: 'A page of events.', body: auditEventList },
    handler: (call) => {
      const { pageSize, cursor, ...filters } = call.query;
      return listEvents(call, { pageSize, cursor }, { ...filters, orgId: call.orgId });
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authorization/audit-events',
    operationId: 'listAuditEvents',
    tag: 'authorization',
    summary: 'List the audit events of the app',
    description:
      'Lists all events of the app, newest first, including events of organizations and of deleted organizations.',
    access: accepting(
      { accessToken: true, machineScope: 'audit:read' },
      overApp('SUPER_ADMIN', 'GENERIC_MACHINE_USER'),
    ),
    query: auditQuery,
    response: { status: 200, description: 'A page of events.', body: auditEventList },
    handler: (call) => {
      const { pageSize, cursor, ...filters } = call.query;
      return listEvents(call, { pageSize, cursor }, filters);
    },
  }),
];
