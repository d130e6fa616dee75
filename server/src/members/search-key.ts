/** What a member can be searched by. */
export type SearchField = 'name' | 'email';

/** A query shorter than this is the beginning of a word; from here on it is found anywhere. */
export const substringLength = 3;
/** Long queries are looked up by parts of this length: the longer a part, the fewer have it. */
const longPart = 6;

const dropped = /[\p{M}\p{Cf}\u0640]/gu;
const folded: Readonly<Record<string, string>> = { ı: 'i', ς: 'σ', ى: 'ي', '’': "'", ʼ: "'", '‐': '-', '–': '-' };
const toFold = new RegExp(`[${Object.keys(folded).join('')}]`, 'gu');

/**
 * The key under which names and addresses are compared when somebody searches: compatibility forms, case, accents,
 * the signs of Arabic vowels and hamza, and runs of white space make no difference. Computed here and not by the
 * database, because the two engines collate differently.
 *
 * @example searchKey('  أحمد ISIK ') // 'احمد isik'
 */
export function searchKey(text: string): string {
  const bare = text.normalize('NFKD').replace(dropped, '').toLowerCase().normalize('NFKD').replace(dropped, '');
  return bare
    .replace(toFold, (letter) => folded[letter] ?? letter)
    .replace(/\s+/gu, ' ')
    .trim();
}

/** What ends a word. */
export const separators = ' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';
const isSeparator = (character: string | undefined): boolean =>
  character === undefined || separators.includes(character);

/** Every piece of this length. */
function piecesOf(characters: readonly string[], length: number): string[] {
  const count = Math.max(characters.length - length + 1, 0);
  return Array.from({ length: count }, (_, start) => characters.slice(start, start + length).join(''));
}

/** The first one and two characters of every word. */
function beginningsOf(characters: readonly string[]): string[] {
  return characters.flatMap((_, start) =>
    isSeparator(characters[start - 1])
      ? [1, 2].map((length) => `^${characters.slice(start, start + length).join('')}`)
      : [],
  );
}

/** 32 bits of a part (FNV-1a, its bits mixed once more): a collision costs a look at a row that does not match after all. */
function hash(field: SearchField, part: string): number {
  let value = 0x811c9dc5;
  for (const character of `${field} ${part}`) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return value ^ (value >>> 16);
}

const hashes = (field: SearchField, parts: readonly string[]): number[] => [
  ...new Set(parts.map((part) => hash(field, part))),
];

/** Hashes of everything that a text of this key is found by. */
export function partsOfKey(field: SearchField, key: string): number[] {
  const characters = Array.from(key);
  return hashes(field, [
    ...beginningsOf(characters),
    ...piecesOf(characters, substringLength),
    ...piecesOf(characters, longPart),
  ]);
}

/** Long parts that cover the query: one after the other, and the last one. */
function coverOf(characters: readonly string[]): string[] {
  const pieces = piecesOf(characters, longPart);
  return pieces.filter((_, start) => start % longPart === 0 || start === pieces.length - 1);
}

/** Hashes that whatever a query matches must have. */
export function partsOfQuery(field: SearchField, key: string): number[] {
  const characters = Array.from(key);
  if (characters.length < substringLength) return hashes(field, [`^${key}`]);
  if (characters.length < longPart) return hashes(field, piecesOf(characters, substringLength));
  return hashes(field, coverOf(characters));
}

/** Whether a query is long enough to be found anywhere. */
export const isSubstring = (key: string): boolean => Array.from(key).length >= substringLength;

/** The parts as they lie in the index: mixed with the organization, so that none is shared with the next. */
export function partsWithin(orgId: string, parts: readonly number[]): number[] {
  const mask = Number(BigInt.asIntN(32, BigInt(orgId)));
  return parts.map((part) => part ^ mask);
}
