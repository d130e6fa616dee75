import { invisible } from '../http/invisible-characters.ts';

/**
 * Names in mails: people, organizations, roles, providers and apps choose them, and the recipient trusts the mail. A
 * name must not become a link or a telephone number, must not reorder the sentence, and must not be the whole subject.
 */

/** Longest name in a subject, in characters as people count them. */
const longestInSubject = 60;
/** Longest value anywhere else, in code points. */
const longestValue = 300;

/** An invisible character that forbids a line break. Link detectors of mail programs stop at it. */
const wordJoiner = '\u2060';

const everyInvisible = new RegExp(invisible, 'gu');

/** One line of text without invisible characters. */
export const oneLine = (text: string): string =>
  text
    .replace(everyInvisible, '')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();

/** Truncates by code points, so that characters stay intact. */
export const cut = (text: string): string => Array.from(text).slice(0, longestValue).join('');

let characters: Intl.Segmenter | undefined;

/** Truncates a name for a subject. The ellipsis counts as a character. */
function cutForSubject(name: string): string {
  characters ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  const all = Array.from(characters.segment(cut(name)), ({ segment }) => segment);
  return all.length <= longestInSubject ? name : `${all.slice(0, longestInSubject - 1).join('')}…`;
}

/**
 * Characters that join the words around them to an address, after compatibility folding: full-width forms fold to
 * ASCII, and browsers read an ideographic full stop as the dot of a domain (UTS 46, section 4). U+2044, U+2215 and
 * U+29F8 look like a slash, U+A789 looks like a colon.
 */
const linking = /[.:/@\\\u3002\u06D4\u2044\u2215\u29F8\uA789]/;

/** Six or more digits of any script, possibly with the punctuation of telephone numbers between them. */
const telephoneNumber = /\p{Nd}(?:(?:[\s()+./\\\p{Pd}\u2212\u00B7\u2060]|\uFE0F|\u20E3)*\p{Nd}){5,}/gu;

/** Breaks addresses and telephone numbers with an invisible character. */
function unlink(name: string): string {
  const all = Array.from(name);
  const isInside = (index: number) => /\S/.test(all[index - 1] ?? ' ') && /\S/.test(all[index + 1] ?? ' ');
  const broken = all.map((character, index) =>
    linking.test(character.normalize('NFKC')) && isInside(index) ? `${character}${wordJoiner}` : character,
  );
  return broken
    .join('')
    .replace(telephoneNumber, (number) => number.replace(/\p{Nd}(?!$|\u2060)/gu, `$&${wordJoiner}`));
}

/** Whether a name has visible characters. A name of combining marks only would leave a gap in the sentence. */
export const isVisible = (name: string): boolean => /[^\s\p{C}\p{Default_Ignorable_Code_Point}]/u.test(name);

/** A name chosen by other people, for the body of a mail. */
export const nameInBody = (name: string): string => unlink(cut(oneLine(name)));

/** A name chosen by other people, for a subject. */
export const nameInSubject = (name: string): string => unlink(cutForSubject(oneLine(name)));
