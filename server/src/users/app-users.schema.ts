import { z } from 'zod';
import { message, queryFlag } from '../http/fields.ts';
import { pageMetadata, pagingQuery } from '../lists/pagination.ts';
import { user } from './users.schema.ts';

export const userListQuery = z.strictObject({
  ...pagingQuery,
  includeMetadata: queryFlag('Whether to add the metadata of the users.'),
});

export const userList = z
  .object({
    metadata: pageMetadata,
    users: z.array(user).meta({ description: 'Users in order of creation.', examples: [[]] }),
  })
  .meta({ id: 'UserList', description: 'A page of the users of the app.' });

export const userDeleted = z
  .object({ message: message('User 118273645546213377 deleted') })
  .meta({ id: 'DeleteUserResult', description: 'The user is deleted.' });

export const userStateChanged = (name: string, said: string) =>
  z.object({ message: message(said) }).meta({ id: name, description: `${said}.` });
