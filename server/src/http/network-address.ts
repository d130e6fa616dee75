import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';

/**
 * The network of an address, because one customer usually holds all its addresses: an IPv6 /64 counts as one address.
 */
export function addressKey(ip: string): string {
  if (!isIPv6(ip)) return ip;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip);
  if (mapped?.[1]) return mapped[1];
  const [head = [], tail = []] = (ip.split('%')[0] ?? '').split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0');
  const network = [...head, ...zeros, ...tail].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

/** A plain address: IPv4 without the IPv6 mapping, no port, no brackets. */
export function bareAddress(reported: string): string | undefined {
  if (isIPv4(reported)) return reported;
  const address = reported
    .trim()
    .replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1')
    .replace(/^\[(.+)\](?::\d+)?$/, '$1')
    .replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
  return isIP(address) === 0 ? undefined : address;
}

/** A range of IPv4 that is written as IPv4-mapped IPv6: `::ffff:203.0.113.0/120`. */
const mappedRange = /^::ffff:(\d+\.\d+\.\d+\.\d+)(?:\/(\d+))?$/i;

function parseRange(range: string): { network: string; prefix: number; family: 'ipv4' | 'ipv6' } {
  const [, mapped, mappedPrefix = '128'] = mappedRange.exec(range) ?? [];
  if (mapped !== undefined && Number(mappedPrefix) >= 96)
    return { network: mapped, prefix: Number(mappedPrefix) - 96, family: 'ipv4' };
  const [network = '', prefix] = range.split('/');
  const family = isIPv6(network) ? 'ipv6' : 'ipv4';
  return { network, prefix: Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family };
}

/**
 * Whether one of these addresses or CIDR ranges contains the address. Ranges of IPv6 contain no address of IPv4: `::/0`
 * is every address of IPv6, `0.0.0.0/0` every address of IPv4. `BlockList` would find IPv4 in `::/0`.
 *
 * @param address a bare address
 */
export function isWithin(ranges: readonly string[], address: string): boolean {
  const own = isIPv6(address) ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  for (const { network, prefix, family } of ranges.map(parseRange)) {
    if (family === own) list.addSubnet(network, prefix, family);
  }
  return list.check(address, own);
}

/** The client address behind the proxies of `TRUST_PROXY`. The report of a proxy is ignored if it is not an address. */
export const peerAddress = ({ ip, socket }: FastifyRequest): string =>
  bareAddress(ip) ?? bareAddress(socket.remoteAddress ?? '') ?? '';
