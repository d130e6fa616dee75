import { z } from 'zod';
import {
  distinctName,
  idOf,
  ignoredField,
  message,
  metadata,
  metadataPatch,
  optional,
  outputId,
  patchOf,
  queryFlag,
  time,
} from '../http/fields.ts';
import { pageMetadata, pagingQuery } from '../lists/pagination.ts';
import { grantableRole, roles } from '../roles/roles.schema.ts';
import { emailAddress } from '../http/email-address.ts';
import { firstName, lastName, urlTemplate } from '../users/users.schema.ts';

const organizationName = distinctName({ max: 200 }).meta({
  description: 'Name of the organization, unique in the app.',
  examples: ['Acme'],
});

export const inviteUrl = urlTemplate(
  'URL template of the link in the mail, with {{code}}, {{email}} and {{orgId}}. Default: the setting of the app.',
  'https://app.example.com/join?code={{code}}&email={{email}}&orgId={{orgId}}',
);

export const setupOrganization = z
  .strictObject({
    orgName: organizationName,
    adminFirstName: firstName.meta({ description: 'Given name of the owner.', examples: ['Jon'] }),
    adminLastName: lastName.meta({ description: 'Family name of the owner.', examples: ['Doe'] }),
    adminEmail: emailAddress.meta({ description: 'E-mail address of the owner.', examples: ['jon.doe@example.com'] }),
    customRoles: optional(roles),
    metadata: optional(metadata('organization')),
    inviteUrl: optional(inviteUrl),
  })
  .meta({ id: 'SetupOrganizationRequest', description: 'A new organization with its owner.' });

const orgId = outputId('the organization');

export const organizationSetUp = z
  .object({
    message: message('Organization created'),
    orgId,
    ownerUserId: outputId('the owner', '118273645546213377'),
    invited: z.boolean().meta({
      description: 'Whether the owner was invited. If false, the user became the owner at once.',
      examples: [true],
    }),
  })
  .meta({ id: 'SetupOrganizationResult', description: 'The organization is created.' });

export const createOrganization = z
  .strictObject({
    name: organizationName,
    customRoles: optional(roles),
    metadata: optional(metadata('organization')),
  })
  .meta({ id: 'CreateOrganizationRequest', description: 'A new organization of the caller.' });

export const organizationCreated = z
  .object({ message: message('Organization created'), orgId })
  .meta({ id: 'CreateOrganizationResult', description: 'The organization is created.' });

const listed = {
  id: orgId,
  name: z.string().meta({ description: 'Name of the organization.', examples: ['Acme'] }),
  status: z.enum(['Active', 'Inactive']).meta({ description: 'Status of the organization.', examples: ['Active'] }),
};

export const organizationListQuery = z.strictObject(pagingQuery);

export const organizationList = z
  .object({
    metadata: pageMetadata,
    organizations: z
      .array(z.object(listed).meta({ id: 'OrganizationSummary', description: 'An organization in a list.' }))
      .meta({ description: 'Organizations in the order of creation.', examples: [[]] }),
  })
  .meta({ id: 'OrganizationList', description: 'A page of organizations.' });

export const organizationParams = z.strictObject({ orgId: idOf('the organization') });

export const organizationQuery = z.strictObject({
  includeMetadata: queryFlag('Whether to add the metadata; not for plain members.'),
  includeRoles: queryFlag('Whether to add the roles that can be granted.'),
});

export const organization = z
  .object({
    ...listed,
    createdAt: time('When it was created'),
    updatedAt: time('When it was last changed'),
    metadata: metadata('organization').optional(),
    roles: z
      .array(grantableRole)
      .optional()
      .meta({ description: 'Roles of the organization and predefined ones.', examples: [[]] }),
  })
  .meta({ id: 'Organization', description: 'A customer of the product.' });

export const updateOrganization = patchOf({ metadata: metadataPatch('organization'), name: organizationName }).meta({
  id: 'UpdateOrganizationRequest',
  description: 'Changes to an organization; absent fields stay unchanged.',
  examples: [{ metadata: { key1: 'value1' } }],
});

export type OrganizationPatch = Readonly<z.output<typeof updateOrganization>>;

export const organizationUpdated = z
  .object({ message: message('Organization Data Updated') })
  .meta({ id: 'UpdateOrganizationResult', description: 'The organization is updated.' });

export const statusChanged = (name: string, example: string) =>
  z.object({ message: message(example) }).meta({ id: name, description: 'The status of the organization is set.' });

export const etagHeader = { ETag: 'Version of the organization, for If-Match.' };

const invitee = {
  email: emailAddress,
  firstName,
  lastName,
  inviteUrl: optional(inviteUrl),
  userId: ignoredField(
    'the credential identifies the inviter. The value from a machine user is recorded in the audit.',
    '118273645546213377',
  ),
};

export { invitee };
