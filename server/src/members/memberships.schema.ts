import { z } from 'zod';
import { outputId } from '../http/fields.ts';
import { pageMetadata, pagingQuery } from '../lists/pagination.ts';
import { emailAddress } from '../http/email-address.ts';
import { membership } from '../users/users.schema.ts';

/** Paging is optional here. Without paging, the response has the first 100. */
const optionalPaging = { ...pagingQuery, pageSize: pagingQuery.pageSize.optional() };

export const managerRolesQuery = z.strictObject(optionalPaging);

const { id, name, status, roles, managerRoles, stepUpRequired } = membership.shape;

export const managerRoleList = z
  .object({
    metadata: pageMetadata,
    managerRoles: z
      .array(
        z
          .object({
            orgId: outputId('the organization'),
            orgName: name,
            roles: managerRoles,
            stepUpRequired,
          })
          .meta({ id: 'ManagerRoles', description: 'The manager roles of the caller in one organization.' }),
      )
      .meta({ description: 'Organizations that the caller owns or manages, oldest first.', examples: [[]] }),
  })
  .meta({ id: 'ManagerRoleList', description: 'A page of manager roles.' });

export const organizationsByEmailQuery = z.strictObject({
  ...optionalPaging,
  email: emailAddress.meta({ description: 'Address of the user.', examples: ['jon.doe@example.com'] }),
});

export const organizationsOfUser = z
  .object({
    metadata: pageMetadata,
    organizations: z
      .array(
        z
          .object({ id, name, status, roles, stepUpRequired })
          .meta({ id: 'UserOrganization', description: 'An organization and the roles of the user in it.' }),
      )
      .meta({ description: 'Organizations that the user is in, oldest first.', examples: [[]] }),
  })
  .meta({ id: 'UserOrganizationList', description: 'A page of the organizations of a user.' });
