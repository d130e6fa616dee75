import { isIP } from 'node:net';

/** Whether this is an IP address, alone or with a prefix length: `10.0.0.0/8`. */
export function isAddressRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const longestPrefix = isIP(address) === 6 ? 128 : 32;
  const prefixFits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= longestPrefix);
  return isIP(address) !== 0 && prefixFits && rest.length === 0;
}
