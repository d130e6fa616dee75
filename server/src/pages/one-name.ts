import type { Call } from '../calls/route.ts';
import { isLoopback } from '../http/loopback.ts';

/** Browsers accept passkeys at no other name of this machine. */
const bestName = 'localhost';

/**
 * The address of a page under the name of `PUBLIC_URL`, if it was opened under another name of this machine, such as
 * 127.0.0.1: the links in mails and the cookies are for one name. Never a name that the request contains.
 *
 * @param path the path of the page, without its query
 * @returns undefined if the browser can stay
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
