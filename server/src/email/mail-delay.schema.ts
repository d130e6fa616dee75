import { z } from 'zod';

/** Whether the mail of an invitation has gone out, in lists. */
export const mailDelay = z
  .enum(['delayed'])
  .optional()
  .meta({
    description: '`delayed`: the mail waits, because its mailbox gets too many. Absent once it has gone out.',
    examples: ['delayed'],
  });
