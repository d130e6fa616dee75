import { isLoopback } from './http/loopback.ts';

/** Percent signs that encode nothing make the URL invalid. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * Parses an SMTP URL. `smtps` is encrypted from the first byte. `smtp` must upgrade with STARTTLS, unless the server is
 * on this machine or the URL has `?requireTLS=false`.
 *
 * @returns undefined if the URL is invalid
 */
export function parseSmtpUrl(text: string) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const { protocol, hostname, port, searchParams } = url ?? {};
  if (!hostname || (protocol !== 'smtp:' && protocol !== 'smtps:')) return undefined;
  const requireTls = searchParams?.get('requireTLS') ?? String(!isLoopback(hostname));
  if ([...(searchParams?.keys() ?? [])].some((name) => name !== 'requireTLS')) return undefined;
  if (requireTls !== 'true' && requireTls !== 'false') return undefined;
  const [user, pass] = [decode(url?.username ?? ''), decode(url?.password ?? '')];
  if (user === undefined || pass === undefined) return undefined;
  const secure = protocol === 'smtps:';
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port ? Number(port) : secure ? 465 : 587,
    secure,
    requireTLS: !secure && requireTls === 'true',
    ...(user !== '' && { auth: { user, pass } }),
  };
}
