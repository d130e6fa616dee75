import { z } from 'zod';
import { id, message, outputId } from '../http/fields.ts';
import { invitee } from '../organizations/organizations.schema.ts';
import { roleReference } from '../roles/roles.schema.ts';

export const inviteManager = z
  .strictObject(invitee)
  .meta({ id: 'InviteManagerRequest', description: 'Who is to manage or own the organization.' });

export const inviteMember = z
  .strictObject({ ...invitee, role: roleReference })
  .meta({ id: 'InviteMemberRequest', description: 'Who is to be a member, with which role.' });

export const granted = (name: string, example: string) =>
  z
    .object({
      message: message(example),
      userId: outputId('the user', '118273645546213377'),
      invited: z
        .boolean()
        .meta({ description: 'Whether they are invited first; false: the role is theirs already.', examples: [true] }),
    })
    .meta({ id: name, description: 'The role is granted or the invitation is on its way.' });

export const addUserParams = z.strictObject({
  userId: id.meta({ description: 'Id of the user.', examples: ['118273645546213377'] }),
});

export const addUser = z
  .strictObject({
    roles: z
      .array(roleReference)
      .min(1, { error: 'Name at least one role.' })
      .max(100, { error: 'At most 100.' })
      .meta({ description: 'Roles to add; what the user holds already stays.', examples: [['reader', 'writer']] }),
  })
  .meta({ id: 'AddUserToOrganizationRequest', description: 'Roles that the user is to get.' });

export const userAdded = z
  .object({ message: message('User 118273645546213377 added to 118273645546213376 as reader, writer') })
  .meta({ id: 'AddUserToOrganizationResponse', description: 'The roles are added.' });
