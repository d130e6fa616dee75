import type { BackgroundTask } from '../calls/background-task.ts';
import { failureText } from './delivery-failure.ts';
import { probeSmtp, productionTiming, type SmtpTiming } from './smtp.ts';

/**
 * Waits for `work`, but at most until the process gets a stop signal, because the end of the process closes the
 * connection.
 */
async function unlessStopped<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result | undefined> {
  let stop = () => {};
  const stopped = new Promise<undefined>((resolve) => (stop = () => resolve(undefined)));
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Tests the mail server at the start, and every minute until it works. Later, the mails that are sent show whether it
 * works. A failure is a warning in the log and in the metrics; the start does not wait for the test.
 */
export const probeMailServerWithin = (timing: SmtpTiming): BackgroundTask => ({
  name: 'probe the mail server',
  everyMs: 60_000,
  runsAtStart: true,
  run: async ({ config: { smtpUrl }, mailServer, log }, signal) => {
    if (smtpUrl === undefined || mailServer.isUp === true) return;
    const failure = await unlessStopped(probeSmtp(smtpUrl, timing), signal);
    if (signal.aborted) return;
    if (!mailServer.note(failure === undefined)) return;
    if (failure === undefined) log('info', 'the mail server of SMTP_URL can be used', {});
    else log('warn', 'the mail server of SMTP_URL cannot be used: mails wait', { reason: failureText(failure) });
  },
});

export const probeMailServer = probeMailServerWithin(productionTiming);
