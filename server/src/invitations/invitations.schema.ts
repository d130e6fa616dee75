import { z } from 'zod';
import { filter, id, idOf, message, optional, outputId, time } from '../http/fields.ts';
import { pageMetadata, pagingQuery } from '../lists/pagination.ts';
import { mailDelay } from '../email/mail-delay.schema.ts';
import { inviteUrl } from '../organizations/organizations.schema.ts';
import { startedSession } from '../sessions/sessions.schema.ts';
import { emailAddress } from '../http/email-address.ts';
import { firstName, lastNameOrNone, newPassword, verificationCode } from '../users/users.schema.ts';
import { type InvitationStatus, invitationStatuses } from './invitation-states.ts';

export const acceptInvitation = z
  .strictObject({
    orgId: id.meta({ description: 'Id of the organization that invited.', examples: ['118273645546213376'] }),
    email: emailAddress.meta({ description: 'The address that was invited.', examples: ['jon.doe@example.com'] }),
    verificationCode,
    newPassword,
    firstName: optional(firstName),
    lastName: optional(lastNameOrNone),
  })
  .meta({ id: 'AcceptInvitationRequest', description: 'The code of the invitation and a new password.' });

export const acceptMyInvitation = z
  .strictObject({ orgId: acceptInvitation.shape.orgId, verificationCode })
  .meta({ id: 'AcceptMyInvitationRequest', description: 'The code of an invitation to the address of the caller.' });

export const myInvitationAccepted = z
  .object({ message: message('Invitation accepted') })
  .meta({ id: 'AcceptMyInvitationResult', description: 'The invitation is accepted.' });

export const invitationAccepted = z
  .object({ message: message('Invitation accepted'), ...startedSession.shape })
  .meta({ id: 'AcceptInvitationResult', description: 'The invitation is accepted and a session has begun.' });

const statusNames = Object.keys(invitationStatuses) as [InvitationStatus, ...InvitationStatus[]];
const meanings = Object.entries(invitationStatuses)
  .map(([name, meaning]) => `${name}: ${meaning}`)
  .join('; ');

export const invitationListQuery = z.strictObject({
  ...pagingQuery,
  status: filter(z.enum(statusNames, { error: `Must be one of ${statusNames.join(', ')}.` })).meta({
    description: `Only invitations of this status. ${meanings}.`,
    examples: ['pending'],
  }),
});

export const invitationParams = z.strictObject({
  orgId: idOf('the organization'),
  invitationId: idOf('the invitation', '118273645546213378'),
});

const invitation = z
  .object({
    id: outputId('the invitation', '118273645546213378'),
    email: z.string().meta({ description: 'The invited address.', examples: ['jon.doe@example.com'] }),
    role: z.string().meta({
      description: 'The offered role: the key of a role, `ORG_OWNER` or `ORG_USER_MANAGER`.',
      examples: ['reader'],
    }),
    status: z.enum(statusNames).meta({ description: `${meanings}.`, examples: ['pending'] }),
    invitedBy: z
      .object({
        kind: z.string().meta({ description: '`user`, `machine` or `organization_machine`.', examples: ['user'] }),
        id: z
          .string()
          .optional()
          .meta({
            description: 'Id of the inviter; members of an organization see only ids of other members.',
            examples: ['118273645546213377'],
          }),
      })
      .meta({ description: 'Who invited.', examples: [{ kind: 'user', id: '118273645546213377' }] }),
    createdAt: time('When the address was first invited'),
    expiresAt: time('When the newest code expires'),
    mail: mailDelay,
  })
  .meta({ id: 'Invitation', description: 'An invitation to an e-mail address.' });

export const invitationList = z
  .object({
    metadata: pageMetadata,
    invitations: z.array(invitation).meta({ description: 'Invitations, oldest first.', examples: [[]] }),
  })
  .meta({ id: 'InvitationList', description: 'A page of the invitations of an organization.' });

export const resendInvitation = z
  .strictObject({ inviteUrl: optional(inviteUrl) })
  .meta({ id: 'ResendInvitationRequest', description: 'Options for the link in the mail; optional.' });

export const invitationResent = z
  .object({
    message: message('Invitation resent'),
    userId: outputId('the user', '118273645546213377'),
    invited: z.boolean().meta({
      description: 'Whether a new mail is sent. If false, the role was granted directly.',
      examples: [true],
    }),
  })
  .meta({ id: 'ResendInvitationResult', description: 'The invitation is queued, or the role was granted directly.' });
