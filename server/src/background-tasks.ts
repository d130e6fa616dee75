import { sweepEvents } from './audit/sweep-events.ts';
import type { BackgroundTask } from './calls/background-task.ts';
import { sweepDevices } from './devices/sweep-devices.ts';
import { probeMailServer } from './email/probe-mail-server.ts';
import { sendMails } from './email/send-mails.ts';
import { sweepMails } from './email/sweep-mails.ts';
import { sweepAnswers } from './idempotency/sweep-answers.ts';
import { sweepLimits } from './calls/sweep-limits.ts';
import { sweepCodes } from './codes/sweep-codes.ts';
import { indexMembersOfBefore } from './search/index-members.ts';
import { sweepIntents } from './federation/sweep-intents.ts';
import { sweepExchanges } from './exchanges/sweep-exchanges.ts';
import { sweepSessions } from './sessions/sweep-sessions.ts';
import { sweepChallenges } from './sign-in/sweep-challenges.ts';
import { sendSignInCodes } from './passwordless/send-sign-in-codes.ts';
import { sendPasswordResets } from './accounts/send-password-resets.ts';
import { applyFactorResets } from './factors/apply-factor-resets.ts';

/** Every background task. */
export const backgroundTasks: readonly BackgroundTask[] = [
  probeMailServer,
  sendMails,
  sweepMails,
  sweepLimits,
  sweepSessions,
  sweepDevices,
  sweepChallenges,
  sweepCodes,
  sweepIntents,
  sweepExchanges,
  sweepEvents,
  sweepAnswers,
  sendPasswordResets,
  applyFactorResets,
  sendSignInCodes,
  indexMembersOfBefore,
];
