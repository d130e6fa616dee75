/**
 * The key by which the name of an organization is unique in an app. Compatibility forms, case and repeated white space
 * are ignored.
 *
 * @example organizationNameKey(' ACME Ltd ') // 'acme ltd'
 */
export function organizationNameKey(name: string): string {
  return name.normalize('NFKC').replace(/\s+/gu, ' ').trim().toLowerCase();
}
