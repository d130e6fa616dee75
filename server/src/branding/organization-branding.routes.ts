import { accepting, overOrganization } from '../access/access.ts';
import { readOrganization } from '../calls/decide-in-statement.ts';
import { mutate } from '../calls/mutate.ts';
import { type Call, route } from '../calls/route.ts';
import { changedFields } from '../db/changed-fields.ts';
import type { Tx } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import { acceptedVersions, etag } from '../http/if-match.ts';
import { etagHeader, organizationParams } from '../organizations/organizations.schema.ts';
import { lockOrganization, raiseVersion } from '../organizations/organizations.store.ts';
import { checkColors } from './check-colors.ts';
import { logo, setLogo } from './logo.schema.ts';
import { findLogo, removeLogo, storeLogo } from './logo.store.ts';
import {
  organizationBranding,
  type OrganizationBrandingPatch,
  updateOrganizationBranding,
} from './organization-branding.schema.ts';
import {
  brandingColumns,
  type BrandingRow,
  patchOrganizationBranding,
  toOrganizationBranding,
} from './organization-branding.store.ts';
import { readLogo, toLogoResource } from './read-logo.ts';
import { requireOrganizationBranding } from './require-organization-branding.ts';

const read = accepting(
  { accessToken: true, organizationMachine: true, machineScope: 'organizations:read' },
  overOrganization('read', 'GENERIC_MACHINE_USER', 'ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER'),
);
const change = overOrganization('change', 'ORG_OWNER');

/** @throws ApiError `access_denied` */
function requireMayAllowTexts({ held }: Call, { textsAllowed }: OrganizationBrandingPatch): void {
  if (textsAllowed === undefined || held.includes('SUPER_ADMIN')) return;
  const detail = 'Only super admins can allow the texts of an organization.';
  throw new ApiError('access_denied', { detail, isDenial: true });
}

/**
 * Changes the branding of the organization of the call, which gets a new version.
 *
 * @throws ApiError `precondition_failed`, `organization_not_found`
 */
function changeBranding<Result>(
  call: Call,
  changes: readonly string[],
  work: (tx: Tx, at: { orgId: string; now: Date }) => Promise<Result>,
): Promise<Result> {
  const { appId, orgId, services, request, reply } = call;
  const now = services.clock.now();
  return mutate(call, async (tx) => {
    await lockOrganization(tx, appId, orgId, acceptedVersions(request));
    const result = await work(tx, { orgId, now });
    reply.header('etag', etag(await raiseVersion(tx, appId, orgId, now)));
    return { result, event: { target: { kind: 'organization', id: orgId }, orgId, changes } };
  });
}

const ofOrganization = { tag: 'authorization', params: organizationParams } as const;
const changing = {
  ...ofOrganization,
  access: change,
  freshAuthentication: 'always',
  audit: 'organization.branding_updated',
} as const;

export const organizationBrandingRoutes = [
  route({
    ...ofOrganization,
    method: 'GET',
    url: '/v1/authorization/organizations/:orgId/branding',
    operationId: 'getOrganizationBranding',
    summary: 'Get the branding of an organization',
    description:
      'Returns what the organization has set. null stands for the value of the app. Machine users need the scope ' +
      '`organizations:read`.',
    access: read,
    decidesInStatement: 'by-declaration',
    response: { status: 200, description: 'The branding.', body: organizationBranding, headers: etagHeader },
    handler: async (call) => {
      const { branding, version } = await readOrganization<BrandingRow>(call, brandingColumns);
      call.reply.header('etag', etag(version));
      return toOrganizationBranding(branding);
    },
  }),

  route({
    ...changing,
    method: 'PATCH',
    url: '/v1/authorization/organizations/:orgId/branding',
    operationId: 'updateOrganizationBranding',
    summary: 'Change the branding of an organization',
    description:
      'Changes the branding of pages and mails of the organization. Only its members and the people it has invited ' +
      'see it. The app must have the setting `organizationBranding`. Name, texts and links are shown only after a ' +
      'super admin has set `textsAllowed`, which others cannot set. Colours are checked as for the app. With ' +
      'If-Match the change applies only to that version of the organization.',
    body: updateOrganizationBranding,
    response: { status: 200, description: 'The changed branding.', body: organizationBranding, headers: etagHeader },
    errors: ['contrast_too_low', 'organization_branding_disabled', 'precondition_failed'],
    handler: async (call) => {
      const { appId, body } = call;
      requireMayAllowTexts(call, body);
      await requireOrganizationBranding(call);
      checkColors(body);
      return changeBranding(call, changedFields(body), (tx, at) => patchOrganizationBranding(tx, appId, at, body));
    },
  }),

  route({
    ...ofOrganization,
    method: 'GET',
    url: '/v1/authorization/organizations/:orgId/branding/logo',
    operationId: 'getOrganizationLogo',
    summary: 'Get the logo of an organization',
    description: 'Returns the logo and its public URL.',
    access: read,
    response: { status: 200, description: 'The logo.', body: logo },
    errors: ['logo_not_found'],
    handler: async (call) => {
      const found = await findLogo(call.services.db, call.appId, call.orgId);
      if (!found) throw new ApiError('logo_not_found');
      return toLogoResource(call, found);
    },
  }),

  route({
    ...changing,
    method: 'PUT',
    url: '/v1/authorization/organizations/:orgId/branding/logo',
    operationId: 'setOrganizationLogo',
    summary: 'Set the logo of an organization',
    description:
      'Stores the logo that pages and mails of the organization show instead of that of the app. The same images ' +
      'are accepted as for the app.',
    body: setLogo,
    response: { status: 200, description: 'The logo is stored.', body: logo, headers: etagHeader },
    errors: ['logo_invalid', 'organization_branding_disabled', 'precondition_failed'],
    handler: async (call) => {
      await requireOrganizationBranding(call);
      const image = readLogo(call.body.content);
      const result = await toLogoResource(call, image);
      return changeBranding(call, ['logo'], async (tx, at) => {
        await storeLogo(tx, call.appId, { ...at, logo: image });
        return result;
      });
    },
  }),

  route({
    ...changing,
    method: 'DELETE',
    url: '/v1/authorization/organizations/:orgId/branding/logo',
    operationId: 'deleteOrganizationLogo',
    summary: 'Delete the logo of an organization',
    description: 'Pages and mails show the logo of the app again. Possible also while the app shows no such branding.',
    response: { status: 204, description: 'The logo is deleted.' },
    errors: ['logo_not_found', 'precondition_failed'],
    handler: (call) =>
      changeBranding(call, ['logo'], async (tx, at) => {
        if (!(await removeLogo(tx, call.appId, at))) throw new ApiError('logo_not_found');
      }),
  }),
];
