import type { BackgroundTask } from './background.ts';
import { sweepLimits } from './limits/sweep-limits.ts';
import { sweepCodes } from './codes/sweep-codes.ts';
import { indexMembersOfBefore } from './members/index-members.ts';
import { sweepSessions } from './sessions/sweep-sessions.ts';
import { sendPasswordResets } from './users/send-password-resets.ts';

/** Everything that goes on beside the requests. */
export const backgroundTasks: readonly BackgroundTask[] = [
  sweepLimits,
  sweepSessions,
  sweepCodes,
  sendPasswordResets,
  indexMembersOfBefore,
];
