import { z } from 'zod';

/** Whether the mail of an invitation was sent, in lists. */
export const mailDelay = z
  .enum(['delayed'])
  .optional()
  .meta({
    description: '`delayed`: the mail waits because the mailbox has reached its limit. Absent after the mail was sent.',
    examples: ['delayed'],
  });
