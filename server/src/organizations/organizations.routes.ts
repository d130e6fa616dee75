import { namedAppOf } from '../apps/named-app.ts';
import { chooseUrlTemplate } from '../apps/url-template.ts';
import { empty, sql } from '../db/db.ts';
import { accepting, type Held, type Principal, overApp, overOrganization } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import { readOrganization } from '../calls/decide-in-statement.ts';
import { mutate, mutateOrganization } from '../calls/mutate.ts';
import { readPage } from '../lists/pagination.ts';
import { type Call, route } from '../calls/route.ts';
import { takeLimit } from '../calls/take-limit.ts';
import { changedFields } from '../db/changed-fields.ts';
import { grantOrInvite } from '../invitations/grant-or-invite.ts';
import { checkMetadataLimit } from '../metadata.ts';
import { putRoles } from '../roles/roles.store.ts';
import { isKnown } from '../http/if-none-match.ts';
import { acceptedVersions, etag } from '../http/if-match.ts';
import { policyRefusal } from '../access/organization-policy.ts';
import { type OrganizationStatus, rulingOn } from '../access/organization-states.ts';
import {
  etagHeader,
  organization,
  organizationList,
  organizationListQuery,
  type OrganizationPatch,
  organizationParams,
  organizationQuery,
  organizationSetUp,
  organizationUpdated,
  setupOrganization,
  updateOrganization,
} from './organizations.schema.ts';
import {
  insertOrganization,
  nameIsUnique,
  organizationColumns,
  type OrganizationRow,
  organizationsOf,
  patchOrganization,
} from './organizations.store.ts';

/** Principals that may change each part of an organization. */
const mayUpdate: readonly Principal[] = ['GENERIC_MACHINE_USER', 'ORG_OWNER', 'ORG_USER_MANAGER'];
const mayChange: Readonly<Record<keyof OrganizationPatch, readonly Principal[]>> = {
  name: ['GENERIC_MACHINE_USER', 'ORG_OWNER'],
  metadata: mayUpdate,
};

/** The principals that may change every field of a patch. */
const mayApply = (patch: OrganizationPatch): Principal[] =>
  mayUpdate.filter((principal) =>
    Object.entries(mayChange).every(
      ([field, some]) => patch[field as keyof OrganizationPatch] === undefined || some.includes(principal),
    ),
  );

const mayReadMetadata = (held: Held): boolean => held.some((principal) => mayUpdate.includes(principal));

/** Restricts lists to the caller's organizations. Super admins and machine users see all organizations. */
function visibleTo({ actor, appId, held }: Call) {
  const seesAll = held.includes('SUPER_ADMIN') || held.includes('GENERIC_MACHINE_USER');
  return organizationsOf(appId, seesAll ? undefined : signedIn(actor));
}

/**
 * Checks access and version without a change or an event. Used for `{"metadata":{}}`. Also used if an allowed change
 * had no effect, because the organization was deactivated or changed concurrently.
 *
 * @returns the version
 */
async function confirmUnchanged(call: Call, versions: readonly string[] | undefined): Promise<string> {
  const { version } = await readOrganization<{ version: string }>(call, sql`, o.version`);
  if (versions !== undefined && !versions.includes(version)) throw new ApiError('precondition_failed');
  return version;
}

/**
 * Limits the names that a person can try. A refusal tells whether an organization of this name exists, so refused
 * attempts count, too. Super admins and machine users see all organizations anyway.
 *
 * @throws ApiError `rate_limited`, or the refusal of the decision on access
 */
async function limitRenames(call: Call, patch: OrganizationPatch): Promise<void> {
  const { actor } = call;
  if (patch.name === undefined || actor.kind !== 'user' || actor.user.isSuperAdmin) return;
  await readOrganization(call, empty, mayApply(patch));
  await takeLimit(call, 'organizationRenamesPerUserPerDay', actor.user.id);
}

/** @returns the new version */
async function applyPatch(call: Call, patch: OrganizationPatch): Promise<string> {
  const { services, appId, orgId } = call;
  const versions = acceptedVersions(call.request);
  const changes = changedFields(patch);
  if (changes.length === 0) return confirmUnchanged(call, versions);
  const allowed = mayApply(patch);
  await limitRenames(call, patch);
  const event = { target: { kind: 'organization', id: orgId }, orgId, changes };
  const now = services.clock.now();
  const version = await mutateOrganization(call, {
    allowed,
    event,
    update: (granted) => patchOrganization(granted, appId, patch, versions, now),
    uniqueViolations: nameIsUnique,
  });
  if (version !== undefined) return version;
  await confirmUnchanged(call, versions);
  throw new ApiError('metadata_limit_exceeded');
}

export const organizationRoutes = [
  route({
    method: 'POST',
    url: '/v1/authorization/organizations/setup',
    operationId: 'setupOrganization',
    grants: true,
    tag: 'authorization',
    summary: 'Set up an organization',
    description:
      'Creates an organization with its roles and its owner in one transaction. An active user whose ' +
      'account is claimed becomes the owner at once. Any other address is invited and becomes the owner ' +
      'on acceptance.',
    access: accepting({ accessToken: true }, overApp('SUPER_ADMIN')),
    audit: 'organization.created',
    idempotency: 'kept',
    body: setupOrganization,
    response: { status: 201, description: 'The organization is created.', body: organizationSetUp },
    errors: [
      'organization_name_taken',
      'user_not_active',
      'metadata_limit_exceeded',
      'role_limit_exceeded',
      'redirect_url_not_allowed',
    ],
    handler: async (call) => {
      const { body, services, appId } = call;
      const app = await namedAppOf(call);
      const urlTemplate = chooseUrlTemplate(call, app, 'inviteUrl', body.inviteUrl);
      checkMetadataLimit(body.metadata ?? {});
      const orgId = services.ids.next();
      const now = services.clock.now();
      return mutate(call, async (tx) => {
        await insertOrganization(tx, appId, { id: orgId, name: body.orgName, metadata: body.metadata ?? {}, now });
        await putRoles(tx, appId, orgId, body.customRoles ?? [], now);
        const owner = await grantOrInvite(tx, call, {
          orgId,
          email: body.adminEmail,
          firstName: body.adminFirstName,
          lastName: body.adminLastName,
          toGrant: () => Promise.resolve({ kind: 'ORG_OWNER' }),
          urlTemplate,
        });
        const result = { message: 'Organization created', orgId, ownerUserId: owner.userId, invited: owner.invited };
        return { result, event: { target: { kind: 'organization', id: orgId }, orgId } };
      });
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authorization/organizations',
    operationId: 'listOrganizations',
    tag: 'authorization',
    summary: 'List organizations',
    description:
      'Lists the organizations of the caller. Super admins and machine users get all organizations of the app.',
    access: accepting(
      { accessToken: true, machineScope: 'organizations:read' },
      overApp('SESSION_OWNER', 'SUPER_ADMIN', 'GENERIC_MACHINE_USER'),
    ),
    query: organizationListQuery,
    response: { status: 200, description: 'A page of organizations.', body: organizationList },
    handler: async (call) => {
      const { from, ...list } = visibleTo(call);
      const { metadata, items } = await readPage(call, {
        paging: call.query,
        filters: call.actor.kind === 'user' ? call.actor.user.id : undefined,
        ...list,
        rows: ({ after, limit }) => sql`SELECT o.id, o.name, o.status ${from} ${after} ${limit}`,
        toItem: (row: { id: string; name: string; status: OrganizationStatus }) => row,
      });
      return { metadata, organizations: items };
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authorization/organizations/:orgId',
    operationId: 'getOrganization',
    tag: 'authorization',
    summary: 'Get an organization',
    description:
      'Returns one organization, with its version as ETag. Plain members do not get the metadata. Members ' +
      'of a deactivated organization get neither metadata nor roles. For metadata and roles, the session must meet ' +
      'the security policy of the organization.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'organizations:read' },
      overOrganization('see', 'GENERIC_MACHINE_USER', 'ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER'),
    ),
    decidesInStatement: 'by-declaration',
    params: organizationParams,
    query: organizationQuery,
    response: { status: 200, description: 'The organization.', body: organization, headers: etagHeader },
    errors: ['step_up_required', 'reauthentication_required'],
    handler: async (call) => {
      const { appId, query, request, reply } = call;
      const { includeMetadata = false, includeRoles = false } = query;
      const columns = organizationColumns(appId, { metadata: includeMetadata, roles: includeRoles });
      const found = await readOrganization<OrganizationRow>(call, columns);
      if (includeMetadata && !mayReadMetadata(found.held)) throw new ApiError('access_denied');
      if (found.unmet && (includeMetadata || includeRoles)) throw policyRefusal(found.unmet);
      const isOutline = rulingOn(found.status, 'see', found.held) === 'in outline';
      const tag = etag(found.version);
      reply.header('etag', tag);
      // A change of predefined roles does not change the version.
      if (!includeRoles && isKnown(request, tag)) reply.code(304);
      return {
        id: found.id,
        name: found.name,
        status: found.status,
        createdAt: found.created_at.toISOString(),
        updatedAt: found.updated_at.toISOString(),
        ...(found.metadata && !isOutline && { metadata: found.metadata }),
        ...(found.roles && !isOutline && { roles: found.roles }),
      };
    },
  }),

  route({
    method: 'PATCH',
    url: '/v1/authorization/organizations/:orgId',
    operationId: 'updateOrganization',
    tag: 'authorization',
    summary: 'Update an organization',
    description:
      'Adds and updates metadata: a string sets a key, null removes it, absent keys stay unchanged; at ' +
      'most 30 keys in all. Only owners and machine users can change `name`, owners a limited number of times a day. ' +
      'With If-Match the change ' +
      'applies only to that version.',
    access: accepting(
      { accessToken: true, organizationMachine: true, machineScope: 'organizations:write' },
      overOrganization('change', ...mayUpdate),
    ),
    decidesInStatement: 'by-own-list',
    audit: 'organization.updated',
    params: organizationParams,
    body: updateOrganization,
    response: {
      status: 200,
      description: 'The organization is updated.',
      body: organizationUpdated,
      headers: etagHeader,
    },
    errors: ['precondition_failed', 'metadata_limit_exceeded', 'organization_name_taken', 'rate_limited'],
    handler: async (call) => {
      const version = await applyPatch(call, call.body);
      call.reply.header('etag', etag(version));
      return { message: 'Organization Data Updated' };
    },
  }),
];
