import { z } from 'zod';
import { filter, id, instant, outputId, text, time } from '../http/fields.ts';
import { cursorQuery, nextCursor } from '../lists/pagination.ts';

export const auditQuery = z.strictObject({
  ...cursorQuery,
  action: filter(text({ max: 100 })).meta({
    description: 'Only events of this action.',
    examples: ['organization.updated'],
  }),
  actorId: filter(id).meta({
    description: 'Only events of this user or machine user.',
    examples: ['118273645546213377'],
  }),
  from: filter(instant('Only events at or after this time', '2026-11-24T00:00:00Z')),
  to: filter(instant('Only events before this time', '2026-11-24T00:00:00Z')),
});

const actor = z
  .object({
    kind: z.enum(['user', 'machine', 'organization_machine', 'platform', 'operator', 'anonymous']).meta({
      description:
        '`user`, `machine` (of the app), `organization_machine`, `platform` (the operator’s key), `operator` (a ' +
        'command on the machine) or `anonymous` (the caller was not signed in).',
      examples: ['user'],
    }),
    id: outputId('the user or machine user; null for others', '118273645546213377').nullable().optional(),
  })
  .meta({ description: 'The actor. Owners do not see the ids of actors outside their organization.' });

const target = z
  .object({
    kind: z
      .string()
      .meta({ description: 'Kind of the target: `user`, `organization`, `machine`, …', examples: ['user'] }),
    id: outputId('the target; null if there is none', '118273645546213378').nullable(),
  })
  .meta({ description: 'The target of the event.' });

const event = z
  .object({
    id: outputId('the event', '118273645546213379'),
    time: time('When it happened'),
    action: z.string().meta({ description: 'Action: noun and verb.', examples: ['organization.updated'] }),
    actor,
    claimedOnBehalfOf: z
      .string()
      .optional()
      .meta({
        description: 'The user id on whose behalf a machine user claims to act. Not verified.',
        examples: ['118273645546213377'],
      }),
    orgId: outputId('the organization of the event').optional(),
    target,
    ip: z
      .string()
      .nullable()
      .optional()
      .meta({
        description: 'IP address of the client; absent for owners if the actor is outside their organization.',
        examples: ['203.0.113.7'],
      }),
    userAgent: z
      .string()
      .nullable()
      .optional()
      .meta({
        description: 'User agent of the client; absent for owners if the actor is outside their organization.',
        examples: ['Mozilla/5.0'],
      }),
    requestId: z
      .string()
      .nullable()
      .meta({ description: 'Id of the request.', examples: ['req-01HZX3'] }),
    changes: z
      .array(z.string())
      .meta({ description: 'Names of the changed fields, never values.', examples: [['metadata.plan']] }),
    count: z
      .int()
      .min(1)
      .optional()
      .meta({
        description:
          'Number of occurrences of a security event within its minute: same action, target, actor and network. ' +
          'Absent from events of changes.',
        examples: [30],
      }),
  })
  .meta({ id: 'AuditEvent', description: 'One audit event.' });

export type AuditEventResource = z.input<typeof event>;

export const auditEventList = z
  .object({
    metadata: z.object({ nextCursor }).meta({ description: 'Continuation of the list.', examples: [{}] }),
    events: z.array(event).meta({ description: 'Events, newest first.', examples: [[]] }),
  })
  .meta({ id: 'AuditEventList', description: 'A page of audit events.' });
