/**
 * The key under which an organization's name is unique in an app: compatibility forms, case and runs of white space
 * make no difference.
 *
 * @example organizationNameKey('  ACME   Ltd ') // 'acme ltd'
 */
export function organizationNameKey(name: string): string {
  return name.normalize('NFKC').replace(/\s+/gu, ' ').trim().toLowerCase();
}
