import type { BackgroundTask } from './background.ts';
import { sweepLimits } from './limits/sweep-limits.ts';
import { sweepSessions } from './sessions/sweep-sessions.ts';

/** Everything that goes on beside the requests. */
export const backgroundTasks: readonly BackgroundTask[] = [sweepLimits, sweepSessions];
