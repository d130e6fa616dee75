/** Characters that show nothing, or that only change how their neighbours are shown. */
const ignored = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu;

/**
 * The key by which the name of an organization is unique in an app. Compatibility forms, case, invisible characters and
 * repeated white space are ignored. The second normalization composes what an invisible character or a capital letter
 * kept apart. The key of a name is never empty, because a name has a visible character.
 *
 * @example organizationNameKey(' ACME Ltd ') // 'acme ltd'
 */
export function organizationNameKey(name: string): string {
  return name
    .normalize('NFKC')
    .replace(/[\s\u2800]+/gu, ' ')
    .replace(ignored, '')
    .toLowerCase()
    .replaceAll('ς', 'σ')
    .normalize('NFKC')
    .replace(/ +/g, ' ')
    .trim();
}
