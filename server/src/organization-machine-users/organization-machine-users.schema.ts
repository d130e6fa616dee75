import { z } from 'zod';
import { distinctName, idOf, message, optional, patchOf, time } from '../http/fields.ts';
import { pageMetadata, pagingQuery } from '../lists/pagination.ts';
import { machineSecret, machineUserId } from '../machine-users/machine-users.schema.ts';
import { roleReference } from '../roles/roles.schema.ts';

const userNameMeta = { description: 'Name of the machine user, unique in the organization.', examples: ['exporter'] };
const userName = distinctName({ max: 200 }).meta(userNameMeta);

const roles = z
  .array(roleReference)
  .max(100, { error: 'At most 100.' })
  .meta({ description: 'All roles of the machine user in the organization.', examples: [['reader']] });

const managerRole = z.literal('ORG_USER_MANAGER', {
  error: 'Must be ORG_USER_MANAGER: a machine user cannot be an owner.',
});
const managerRoles = z
  .array(managerRole)
  .max(1, { error: 'At most one.' })
  .meta({
    description: 'ORG_USER_MANAGER, or nothing. Only owners and super admins can grant it.',
    examples: [['ORG_USER_MANAGER']],
  });

export const createOrganizationMachineUser = z
  .strictObject({ userName, roles: optional(roles), managerRoles: optional(managerRoles) })
  .meta({ id: 'CreateOrganizationMachineUserRequest', description: 'A new machine user of an organization.' });

export const patchOrganizationMachineUser = patchOf({ userName, roles, managerRoles }).meta({
  id: 'UpdateOrganizationMachineUserRequest',
  description: 'Changes to a machine user. Absent fields stay unchanged. Lists replace the stored lists.',
});

export type OrganizationMachinePatch = Readonly<z.output<typeof patchOrganizationMachineUser>>;

const organizationMachineSecret = machineSecret
  .extend({
    createdBy: z
      .string()
      .nullable()
      .meta({
        description:
          'The owner or super admin who created or confirmed the secret. null: a machine user of the app created it, ' +
          'or the user was deleted.',
        examples: ['118273645546213377'],
      }),
    confirmBy: time(
      'When the secret stops working unless an owner confirms it, because its creator is no longer an owner. null: ' +
        'it needs no confirmation',
    ).nullable(),
  })
  .meta({ id: 'OrganizationMachineSecret', description: 'A secret of a machine user, without the secret.' });

export const organizationMachineUser = z
  .object({
    id: machineUserId,
    userName: z.string().meta(userNameMeta),
    roles: z.array(z.string()).meta({ description: 'Roles held in the organization.', examples: [['reader']] }),
    managerRoles: z
      .array(z.literal('ORG_USER_MANAGER'))
      .meta({ description: 'Manager roles held in the organization.', examples: [['ORG_USER_MANAGER']] }),
    createdAt: time('When it was created'),
    lastUsedAt: time('When a token was last issued for one of its secrets, to the minute').nullable(),
    secrets: z.array(organizationMachineSecret).meta({ description: 'Its secrets.', examples: [[]] }),
  })
  .meta({ id: 'OrganizationMachineUser', description: 'A machine user of an organization.' });

export const organizationMachineUserList = z
  .object({
    metadata: pageMetadata,
    machineUsers: z
      .array(organizationMachineUser)
      .meta({ description: 'Machine users in the order of their creation.', examples: [[]] }),
  })
  .meta({ id: 'OrganizationMachineUserList', description: 'A page of machine users of an organization.' });

export const organizationMachineUserListQuery = z.strictObject(pagingQuery);

const pathParams = {
  orgId: idOf('the organization'),
  machineUserId: idOf('the machine user', '118273645546213378'),
};
export const organizationMachineUserParams = z.strictObject(pathParams);
export const organizationMachineSecretParams = z.strictObject({
  ...pathParams,
  secretId: idOf('the secret', '118273645546213379'),
});

export const secretConfirmed = z
  .object({ message: message('Secret confirmed') })
  .meta({ id: 'ConfirmOrganizationMachineSecretResult', description: 'The secret keeps working.' });
