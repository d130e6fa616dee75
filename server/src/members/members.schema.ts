import { z } from 'zod';
import { idOf, message, outputId } from '../http/fields.ts';
import { pageMetadata, pagingQuery } from '../lists/pagination.ts';
import { invitee } from '../organizations/organizations.schema.ts';
import { roleReference } from '../roles/roles.schema.ts';
import { organizationUser } from './organization-users.schema.ts';

export const inviteManager = z
  .strictObject(invitee)
  .meta({ id: 'InviteManagerRequest', description: 'The new manager or owner.' });

export const inviteMember = z
  .strictObject({ ...invitee, role: roleReference })
  .meta({ id: 'InviteMemberRequest', description: 'The new member and the role.' });

export const granted = (name: string, example: string) =>
  z
    .object({
      message: message(example),
      userId: outputId('the user', '118273645546213377'),
      invited: z.boolean().meta({
        description: 'Whether the user was invited. If false, the role was granted directly.',
        examples: [true],
      }),
    })
    .meta({ id: name, description: 'The role is granted or the invitation is on its way.' });

const userId = idOf('the user', '118273645546213377');

export const memberParams = z.strictObject({ userId });

export const addUser = z
  .strictObject({
    roles: z
      .array(roleReference)
      .min(1, { error: 'Send at least one role.' })
      .max(100, { error: 'At most 100.' })
      .meta({ description: 'Roles to add to those that the user has.', examples: [['reader']] }),
  })
  .meta({ id: 'AddUserToOrganizationRequest', description: 'Roles to grant.' });

export const userAdded = z
  .object({ message: message('User 118273645546213377 added to 118273645546213376 as reader') })
  .meta({ id: 'AddUserToOrganizationResult', description: 'The roles are added.' });

export const setUserRoles = z
  .strictObject({
    roles: z
      .array(roleReference)
      .max(300, { error: 'At most 300.' })
      .meta({
        description: 'All roles of the user in the organization. An empty list removes every role.',
        examples: [['reader']],
      }),
  })
  .meta({ id: 'SetOrganizationUserRolesRequest', description: 'The new roles of the user.' });

export const userRolesSet = z
  .object({ message: message('User 118273645546213377 now has reader in organization 118273645546213376') })
  .meta({ id: 'SetOrganizationUserRolesResult', description: 'The roles are updated.' });

export const userRemoved = z
  .object({ message: message('User 118273645546213377 removed from organization 118273645546213376') })
  .meta({ id: 'RemoveUserFromOrganizationResult', description: 'The user is removed from the organization.' });

export const managersQuery = z.strictObject(pagingQuery);

export const managerParams = z.strictObject({ orgId: idOf('the organization'), userId });

export const managerList = z
  .object({
    metadata: pageMetadata,
    managers: z
      .array(organizationUser)
      .meta({ description: 'Owners and managers in the order in which they became members.', examples: [[]] }),
  })
  .meta({ id: 'ManagerList', description: 'A page of the owners and managers of an organization.' });
