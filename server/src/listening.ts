import { ConfigError } from './config.ts';

/** Where a listener should listen, and the variable that configures it. */
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
    case 'EAFNOSUPPORT':
    case 'ENOTFOUND':
      return { variable: 'HOST', message: `cannot be used: ${host} is not an address of this machine (${code})` };
    default:
      return undefined;
  }
}

/**
 * Waits until a listener has started. A failure is usually due to a variable, so the error names the variable instead
 * of the failed system call.
 *
 * @param begun the starting listener
 * @throws ConfigError if another process listens there, or the address cannot be used
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
