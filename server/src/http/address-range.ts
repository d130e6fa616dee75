import { BlockList, isIP, isIPv6 } from 'node:net';

/** Whether this is an IP address, with or without a prefix length: `10.0.0.0/8`. */
export function isAddressRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const longestPrefix = isIP(address) === 6 ? 128 : 32;
  const prefixFits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= longestPrefix);
  return isIP(address) !== 0 && prefixFits && rest.length === 0;
}

/**
 * Address ranges that are not on the public internet: loopback, private and link-local networks (including the metadata
 * services of clouds), shared and reserved space, multicast, documentation.
 *
 * @see IANA IPv4 Special-Purpose Address Registry; RFC 6890
 */
const specialIpv4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
];

/**
 * Excluded ranges within the global unicast space (2000::/3): translation and tunnels of other addresses, and
 * documentation.
 */
const specialIpv6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

function listOf(ranges: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/');
    list.addSubnet(network, Number(prefix), family);
  }
  return list;
}

const special = listOf(specialIpv4, 'ipv4');
const routedIpv6 = listOf(['2000::/3'], 'ipv6');
const unroutedIpv6 = listOf(specialIpv6, 'ipv6');

/**
 * Whether an address is on the public internet. IPv4-mapped IPv6 addresses are refused: they have no legitimate use and
 * could hide any IPv4 address.
 *
 * @example isPublicAddress('169.254.169.254') // false
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv6(address)) return routedIpv6.check(address, 'ipv6') && !unroutedIpv6.check(address, 'ipv6');
  return isIP(address) === 4 && !special.check(address, 'ipv4');
}
