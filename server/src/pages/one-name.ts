import type { Call } from '../calls/route.ts';
import { isLoopback } from '../http/loopback.ts';

/** The only name of this machine at which browsers accept passkeys. */
const bestName = 'localhost';

/**
 * The URL of a page with the host of `PUBLIC_URL`, if the page was opened with another name of this machine,
 * such as 127.0.0.1. Links in mails and cookies are for one host. The host is never taken from the request.
 *
 * @param path the path of the page, without its query
 * @returns undefined if no redirect is needed
 */
export function addressUnderOneName({ request, services }: Call, path: string): string | undefined {
  const own = new URL(services.config.publicUrl);
  const asked = `${own.protocol}//${request.headers.host ?? ''}`;
  if (!isLoopback(own.hostname) || !URL.canParse(asked)) return undefined;
  const { hostname, port } = new URL(asked);
  const canStay = hostname === bestName || hostname === own.hostname || !isLoopback(hostname) || port !== own.port;
  if (canStay) return undefined;
  const query = request.url.indexOf('?');
  return own.origin + path + (query === -1 ? '' : request.url.slice(query));
}
