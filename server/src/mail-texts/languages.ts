import { arabic } from './words.ar.ts';
import { english } from './words.en.ts';
import type { Language, Words } from './words.ts';

/** The writing rules of a language: direction, dates, and the word between date and time. */
interface Writing {
  readonly words: Words;
  readonly direction: 'ltr' | 'rtl';
  /** Between the date and the time. */
  readonly comma: string;
}

/** Every language in which mails are written. */
export const languages: Readonly<Record<Language, Writing>> = {
  en: { words: english, direction: 'ltr', comma: ', ' },
  ar: { words: arabic, direction: 'rtl', comma: '، ' },
};

const isLanguage = (text: string): text is Language => Object.hasOwn(languages, text);

/** The language of a mail: the one that the user chose, otherwise the one of the app. */
export const languageOf = (ofUser: string | null, ofApp: Language): Language =>
  ofUser !== null && isLanguage(ofUser) ? ofUser : ofApp;

/**
 * The preferred language of a browser, if texts are written in it.
 *
 * @param accepted the header `Accept-Language`
 */
export function languageOfBrowser(accepted: string | undefined): Language | undefined {
  const wanted = (accepted ?? '').split(',').map((part) => part.trim().slice(0, 2).toLowerCase());
  return wanted.find((tag) => isLanguage(tag));
}

const twoDigits = (value: number): string => String(value).padStart(2, '0');

/** Made once per language, because making a format takes a hundred times as long as using it. */
const monthNames = new Map<Language, Intl.DateTimeFormat>();

function monthIn(language: Language): Intl.DateTimeFormat {
  const known = monthNames.get(language) ?? new Intl.DateTimeFormat(language, { month: 'long', timeZone: 'UTC' });
  monthNames.set(language, known);
  return known;
}

/**
 * A time as text, in UTC. Digits are Latin, as in codes and addresses.
 *
 * @param time RFC 3339
 * @example timeInWords('2026-11-24T19:51:07.112Z', 'en') // '24 November 2026, 19:51 UTC'
 */
export function timeInWords(time: string, language: Language): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return '';
  const month = monthIn(language).format(date);
  const day = `${date.getUTCDate()} ${month} ${date.getUTCFullYear()}`;
  return `${day}${languages[language].comma}${twoDigits(date.getUTCHours())}:${twoDigits(date.getUTCMinutes())} UTC`;
}
