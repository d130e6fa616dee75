import type { ServiceLog } from './log.ts';

/** Message of a worker to its supervisor when it is ready. */
export const readyMessage = 'ready';

/** Runs `stop` on the first SIGTERM or SIGINT, then exits. */
export function onStopSignal(log: ServiceLog, stop: () => Promise<void>): void {
  let isStopping = false;
  const handle = () => {
    if (isStopping) return;
    isStopping = true;
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.write('error', 'The service did not stop cleanly', { err: error });
        log.flush();
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', handle).on('SIGINT', handle);
}
