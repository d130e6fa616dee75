import { lettersByAscii } from './undecomposed-letters.ts';

/** The searchable fields of a member. */
export type SearchField = 'name' | 'email';

/** Queries of at least this length match anywhere; shorter queries match only the beginning of a word. */
export const substringLength = 3;
/** Long queries are split into parts of this length. Longer parts are more selective. */
const longPart = 6;

const dropped = /[\p{M}\p{Cf}\u0640]/gu;

/** Returns a function that replaces each of these characters by its replacement text. */
function replacing(replacements: Readonly<Record<string, string>>): (text: string) => string {
  const known = new RegExp(`[${Object.keys(replacements).join('')}]`, 'gu');
  return (text) => text.replace(known, (character) => replacements[character] ?? character);
}

const replaceEarlier = replacing({ ı: 'i', ς: 'σ', ى: 'ي', '’': "'", ʼ: "'", '‐': '-', '–': '-' });

/**
 * The key of version 1 of the fold. Keys of this version are stored in addition to the current version, as long as
 * processes of the previous release may search.
 */
export function earlierSearchKey(text: string): string {
  const bare = text.normalize('NFKD').replace(dropped, '').toLowerCase().normalize('NFKD').replace(dropped, '');
  return replaceEarlier(bare).replace(/\s+/gu, ' ').trim();
}

const latin = Object.entries(lettersByAscii).flatMap(([ascii, letters]) =>
  Array.from(letters, (letter): [string, string] => [letter, ascii]),
);
/** Letters of Arabic, Persian, Urdu and Kurdish that differ only in form. */
const arabic = { ٱ: 'ا', ة: 'ه', ۃ: 'ه', ہ: 'ه', ھ: 'ه', ە: 'ه', ک: 'ك', ڪ: 'ك', ی: 'ي', ے: 'ي' };
const punctuation = { '‘': "'", ʻ: "'", '—': '-', '−': '-' };
const replaceLetters = replacing({ ...Object.fromEntries(latin), ...arabic, ...punctuation });

const isDigit = /^\p{Nd}$/u;

/** The digits of a script are consecutive code points, starting at zero. */
function toAsciiDigit(digit: string): string {
  const point = digit.codePointAt(0) ?? 0;
  let value = 0;
  while (isDigit.test(String.fromCodePoint(point - value - 1))) value += 1;
  return String(value % 10);
}

/**
 * The key by which names and addresses are compared in a search. The key ignores compatibility forms, case, accents,
 * strokes of letters, ligatures, Arabic vowel signs, letter forms, the script of digits, and repeated white space. The
 * key is computed here because the two database engines collate differently.
 *
 * A change of this function requires a new version of the fold, see `search-row.ts`.
 *
 * @example searchKey(' أحمد ISIK Łukasz ') // 'احمد isik lukasz'
 */
export function searchKey(text: string): string {
  return replaceLetters(earlierSearchKey(text)).replace(/[^\P{Nd}0-9]/gu, toAsciiDigit);
}

/** Characters that end a word. A line feed separates the forms of one text; keys of queries never contain one. */
export const separators = ' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~\n';
const isSeparator = (character: string | undefined): boolean =>
  character === undefined || separators.includes(character);

/** All substrings of this length. */
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

/**
 * 32-bit hash of a part (FNV-1a with a final mix). A collision is harmless: the extra row is rechecked and discarded.
 */
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

/** Hashes of all parts by which a text with this key can be found. */
export function partsOfKey(field: SearchField, key: string): number[] {
  const characters = Array.from(key);
  return hashes(field, [
    ...beginningsOf(characters),
    ...piecesOf(characters, substringLength),
    ...piecesOf(characters, longPart),
  ]);
}

/** Long parts that cover the query: consecutive parts, plus the last part of full length. */
function coverOf(characters: readonly string[]): string[] {
  const pieces = piecesOf(characters, longPart);
  return pieces.filter((_, start) => start % longPart === 0 || start === pieces.length - 1);
}

/** The hashes that a text must have to match a query. */
export function partsOfQuery(field: SearchField, key: string): number[] {
  const characters = Array.from(key);
  if (characters.length < substringLength) return hashes(field, [`^${key}`]);
  if (characters.length < longPart) return hashes(field, piecesOf(characters, substringLength));
  return hashes(field, coverOf(characters));
}

/** Whether a query is long enough to match anywhere. */
export const isSubstring = (key: string): boolean => Array.from(key).length >= substringLength;

/** The indexed form of parts: hashed together with the organization, so that organizations share no part. */
export function partsWithin(orgId: string, parts: readonly number[]): number[] {
  const mask = Number(BigInt.asIntN(32, BigInt(orgId)));
  return parts.map((part) => part ^ mask);
}
