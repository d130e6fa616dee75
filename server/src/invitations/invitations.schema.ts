import { z } from 'zod';
import { id, message } from '../http/fields.ts';
import { startedSession } from '../sessions/sessions.schema.ts';
import { emailAddress } from '../users/email-address.ts';
import { firstName, lastName, newPassword, verificationCode } from '../users/users.schema.ts';

export const acceptInvitation = z
  .strictObject({
    orgId: id.meta({ description: 'Id of the organization that invited.', examples: ['118273645546213376'] }),
    email: emailAddress.meta({ description: 'The address that was invited.', examples: ['jon.doe@example.com'] }),
    verificationCode,
    newPassword,
    firstName: firstName.optional(),
    lastName: lastName.optional(),
  })
  .meta({ id: 'AcceptInvitationRequest', description: 'The code of the invitation and a password of one’s own.' });

export const invitationAccepted = z
  .object({ message: message('Invitation accepted'), ...startedSession.shape })
  .meta({ id: 'AcceptInvitationResponse', description: 'The invitation is accepted and a session has begun.' });
