import { z } from 'zod';
import { filter, id, outputId, text } from '../http/fields.ts';
import { pageMetadata, pagingQuery } from '../lists/pagination.ts';
import { roleReference } from '../roles/roles.schema.ts';
import { searchKey } from '../search/search-key.ts';

export const organizationUsersQuery = z.strictObject(pagingQuery);

export const organizationUser = z
  .object({
    id: outputId('the user', '118273645546213377'),
    email: z.string().meta({ description: 'E-mail address.', examples: ['jon.doe@example.com'] }),
    firstName: z.string().meta({ description: 'Given name.', examples: ['Jon'] }),
    lastName: z.string().meta({ description: 'Family name.', examples: ['Doe'] }),
    displayName: z.string().meta({ description: 'Given and family name.', examples: ['Jon Doe'] }),
    roles: z.array(z.string()).meta({ description: 'Roles held in the organization.', examples: [['reader']] }),
    managerRoles: z
      .array(z.enum(['ORG_OWNER', 'ORG_USER_MANAGER']))
      .meta({ description: 'Manager roles held in the organization.', examples: [['ORG_USER_MANAGER']] }),
  })
  .meta({ id: 'OrganizationUser', description: 'A user with the roles that they have in the organization.' });

export const organizationUsers = z
  .object({
    metadata: pageMetadata,
    users: z
      .array(organizationUser)
      .meta({ description: 'Users in the order in which they became members.', examples: [[]] }),
  })
  .meta({ id: 'OrganizationUserList', description: 'A page of the users of an organization.' });

/** Text to search for in a name or an address. */
const fragment = (what: string, example: string) =>
  text({ min: 1, max: 200 })
    .refine((value) => searchKey(value) !== '', { error: 'Must contain something to search for.' })
    .meta({
      description:
        `${what} Case, accents, vowel signs, letter forms and the script of digits are ignored. ` +
        'A text of fewer than three characters matches only the beginning of a word.',
      examples: [example],
    });

export const searchOrganizationUsers = z
  .strictObject({
    name: filter(fragment('Part of the name.', 'doe')),
    email: filter(fragment('Part of the e-mail address.', '@example.com')),
    userId: filter(id).meta({ description: 'Exactly this user.', examples: ['118273645546213377'] }),
    role: filter(roleReference),
  })
  .meta({ id: 'SearchOrganizationUsersRequest', description: 'Search criteria; a user must match all of them.' });
