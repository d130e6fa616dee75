import { ConfigError } from './config.ts';

/** Where a listener is asked to begin, and the variable that says so. */
interface Place {
  readonly variable: 'PORT' | 'METRICS_PORT';
  readonly host: string;
  readonly port: number;
}

function faultOf(code: unknown, { variable, host, port }: Place) {
  const address = `port ${port} of ${host}`;
  switch (code) {
    case 'EADDRINUSE':
      return { variable, message: `cannot be used: something listens on ${address} already (EADDRINUSE)` };
    case 'EACCES':
      return { variable, message: `cannot be used: this user may not listen on ${address} (EACCES)` };
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return { variable: 'HOST', message: `cannot be used: ${host} is no address of this machine (${code})` };
    default:
      return undefined;
  }
}

/**
 * Waits until a listener has begun. What keeps it from that is mostly a variable that must change, so that is what is
 * said instead of the system call that failed.
 *
 * @param begun the listener, beginning at `place`
 * @throws ConfigError when something else listens there, or nobody can
 * @example await listening({ variable: 'PORT', ...place }, app.listen(place));
 */
export async function listening<Server>(place: Place, begun: Promise<Server>): Promise<Server> {
  try {
    return await begun;
  } catch (error) {
    const fault = faultOf(error instanceof Error && 'code' in error ? error.code : undefined, place);
    throw fault ? new ConfigError([fault]) : error;
  }
}
