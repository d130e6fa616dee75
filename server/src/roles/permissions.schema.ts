import { z } from 'zod';
import { id, optional, outputId, text } from '../http/fields.ts';

export const checkPermissions = z
  .strictObject({
    userId: optional(id).meta({
      description: 'Id of the user whose permissions are checked; default: the caller. Required for machine users.',
      examples: ['118273645546213377'],
    }),
    sessionId: optional(id).meta({
      description:
        'Id of the session with which the user acts, for example `sid` of an access token. Needed if the ' +
        'organization has a security policy. If the session has ended, belongs to another user, or may only add a ' +
        'second factor, no permission is allowed. Default: the session of the call, for people who check themselves.',
      examples: ['118273645546213376'],
    }),
    permissions: z
      .array(text({ min: 1, max: 200 }))
      .min(1, { error: 'Send at least one permission.' })
      .max(100, { error: 'At most 100.' })
      .meta({ description: 'Permissions to check, 1 to 100.', examples: [['documents:read', 'documents:write']] }),
  })
  .meta({ id: 'CheckPermissionsRequest', description: 'The permissions to check, and the user.' });

export type PermissionsToCheck = z.output<typeof checkPermissions>;

const result = z
  .object({
    permission: z.string().meta({ description: 'The checked permission.', examples: ['documents:read'] }),
    allowed: z.boolean().meta({ description: 'Whether the user has the permission.', examples: [true] }),
    grantedBy: z.array(z.string()).meta({
      description:
        'Keys of the roles that give the permission to the user; `ORG_OWNER` if the app lets owners have every ' +
        'permission.',
      examples: [['reader']],
    }),
    reason: z
      .enum([
        'not_a_member',
        'organization_inactive',
        'user_inactive',
        'no_role_grants_it',
        'step_up_required',
        'reauthentication_required',
      ])
      .optional()
      .meta({
        description:
          'Reason of a refusal. not_a_member: the user is not in the organization, or does not exist. ' +
          'step_up_required: the organization has a security policy, and the session lacks the second factor or is ' +
          'not known; or the session of the request has ended, belongs to another user, or may only add a second ' +
          'factor. reauthentication_required: the authentication of the session is too old for the policy.',
        examples: ['no_role_grants_it'],
      }),
  })
  .meta({ id: 'PermissionResult', description: 'The answer for one permission.' });

export const permissionsChecked = z
  .object({
    userId: outputId('the user', '118273645546213377'),
    orgId: outputId('the organization'),
    results: z
      .array(result)
      .meta({ description: 'One result for each permission, in the order of the request.', examples: [[]] }),
  })
  .meta({ id: 'CheckPermissionsResult', description: 'The permissions of the user.' });
