import { z } from 'zod';
import { principals } from '../access/access.ts';
import { idOf, message, text, visibleName } from '../http/fields.ts';

/**
 * Normalizes a key for the comparison with built-in names. People could mistake a role named "org-owner" for the
 * manager role.
 */
const folded = (key: string): string => key.toLowerCase().replace(/[ _.-]/g, '');

/** Reserved names: principals, and predefined roles, whose keys begin with `global:`. */
const builtInNames = new Set(['PUBLIC', 'ORG_MACHINE_USER', ...Object.keys(principals)].map(folded));
const isBuiltIn = (key: string): boolean => builtInNames.has(folded(key)) || folded(key).startsWith('global');

export const roleKey = z
  .string({ error: 'Must be a string.' })
  .regex(/^[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}$/, {
    error: 'Must be 1 to 64 of letters, digits, space, _, . and -, beginning with a letter or digit.',
  })
  .refine((key) => !isBuiltIn(key), { error: 'This name, in any spelling, is reserved for a built-in role.' })
  .meta({ description: 'Key of the role.', examples: ['reader'] });

/** A role of an organization. */
export const role = z
  .strictObject({
    key: roleKey,
    displayName: visibleName({ max: 200 }).meta({
      description: 'Name of the role that people see.',
      examples: ['Reader'],
    }),
    allowedPermissions: z
      .array(text({ min: 1, max: 200 }))
      .max(500, { error: 'At most 500.' })
      .meta({
        description: 'Permissions of the role: free strings.',
        examples: [['documents:read']],
      }),
  })
  .meta({ id: 'Role', description: 'A role with its permissions.' });

export type Role = Readonly<z.output<typeof role>>;

/** Several roles with distinct keys. */
export const roles = z
  .array(role)
  .max(100, { error: 'At most 100.' })
  .refine((list) => new Set(list.map(({ key }) => key)).size === list.length, { error: 'Each key only once.' })
  .meta({
    description: 'Roles of the organization.',
    examples: [[{ key: 'reader', displayName: 'Reader', allowedPermissions: ['documents:read'] }]],
  });

/** The role key in a grant: a role of the organization or, with `global:`, a predefined role of the app. */
export const roleReference = text({ min: 1, max: 100 }).meta({
  description: 'Key of a role of the organization, or of a predefined one with its prefix `global:`.',
  examples: ['reader'],
});

/** A role in a response, including predefined roles. */
export const grantableRole = z
  .object({
    key: z.string().meta({
      description: 'Key of the role; keys of predefined roles begin with `global:`.',
      examples: ['reader'],
    }),
    displayName: z.string().meta({ description: 'Name of the role that people see.', examples: ['Reader'] }),
    allowedPermissions: z
      .array(z.string())
      .meta({ description: 'Permissions that the role gives.', examples: [['documents:read']] }),
  })
  .meta({ id: 'GrantableRole', description: 'A role that can be granted.' });

export const updateRoles = z.strictObject({ roles }).meta({
  id: 'UpdateRolesRequest',
  description: 'Roles to add or replace. Roles that are not listed stay unchanged.',
});

export const rolesUpdated = z
  .object({ message: message('Roles updated') })
  .meta({ id: 'UpdateRolesResult', description: 'The roles are updated.' });

export const roleList = z
  .object({
    roles: z
      .array(grantableRole)
      .meta({ description: 'Roles of the organization, then predefined roles, each sorted by key.', examples: [[]] }),
  })
  .meta({ id: 'RoleList', description: 'The roles that can be granted in the organization.' });

/** The key in a path. Any text is accepted, because an invalid key simply names no role. */
const addressedKey = text({ min: 1, max: 100 });

export const roleParams = z.strictObject({
  orgId: idOf('the organization'),
  key: addressedKey.meta({ description: 'Key of the role.', examples: ['reader'] }),
});

export const createPredefinedRoles = z
  .strictObject({ roles: roles.min(1, { error: 'Send at least one role.' }) })
  .meta({ id: 'CreatePredefinedRolesRequest', description: 'Predefined roles of the app, their keys without prefix.' });

export const predefinedRoleList = z
  .object({
    roles: z
      .array(grantableRole)
      .meta({ description: 'Predefined roles by key, with the prefix `global:`.', examples: [[]] }),
  })
  .meta({ id: 'PredefinedRoleList', description: 'Predefined roles of the app.' });

export const predefinedRoleParams = z.strictObject({
  key: addressedKey.meta({
    description: 'Key of the predefined role, with or without the prefix `global:`.',
    examples: ['auditor'],
  }),
});
