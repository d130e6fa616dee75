import { createServer, type Server } from 'node:net';
import { ConfigError } from './config.ts';
import { listening } from './listening.ts';

/** Whether the error means that this machine does not have the address. */
const isAbsent = (error: unknown): boolean =>
  error instanceof ConfigError && error.faults.some(({ variable }) => variable === 'HOST');

/**
 * Listens on a second address for the same server, unless this machine does not have the address. The connections are
 * those of the server, with its limits and timeouts.
 *
 * @returns stops accepting connections, and waits until those of this address have ended
 * @throws ConfigError if another process listens there: programs would reach it instead of this service
 */
export async function startSecondListener(
  server: Server,
  place: { host: string; port: number },
): Promise<() => Promise<void>> {
  // The options that `http.Server` gives to its own listener.
  const second = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => server.emit('connection', socket));
  const begun = new Promise<void>((resolve, reject) => {
    second.once('error', reject).listen(place, resolve);
  });
  try {
    await listening({ variable: 'PORT', ...place }, begun);
  } catch (error) {
    if (isAbsent(error)) return () => Promise.resolve();
    throw error;
  }
  return () => new Promise<void>((resolve) => void second.close(() => resolve()));
}
