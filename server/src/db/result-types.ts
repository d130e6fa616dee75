import { types } from 'pg';

type Parser = (text: string) => unknown;

const asText: Parser = (text) => text;
const textArrayOid: number = 1009;
const instantOid: number = 1184;
const asInstant = driverParser(instantOid);

const characters = { zero: 0x30, dash: 0x2d, blank: 0x20, plus: 0x2b } as const;

/**
 * The format of a server with time zone UTC: `2026-02-03 04:05:06.789012+00`. Years below 1000 are left to the driver,
 * because `Date.UTC` maps years below 100 to the last century.
 */
function isPlainUtc(text: string): boolean {
  const end = text.length - 3;
  return (
    text.charCodeAt(0) !== characters.zero &&
    text.charCodeAt(4) === characters.dash &&
    text.charCodeAt(10) === characters.blank &&
    text.charCodeAt(end) === characters.plus &&
    text.charCodeAt(end + 1) === characters.zero &&
    text.charCodeAt(end + 2) === characters.zero
  );
}

/** Parses a `timestamptz`. The parser of the driver uses regular expressions and takes four times as long. */
function toInstant(text: string): unknown {
  if (!isPlainUtc(text)) return asInstant(text);
  const digit = (at: number) => text.charCodeAt(at) - characters.zero;
  const two = (at: number) => digit(at) * 10 + digit(at + 1);
  const fraction = (at: number) => (at < text.length - 3 ? digit(at) : 0);
  const milliseconds = fraction(20) * 100 + fraction(21) * 10 + fraction(22);
  const year = two(0) * 100 + two(2);
  return new Date(Date.UTC(year, two(5) - 1, two(8), two(11), two(14), two(17), milliseconds));
}

const asAnyTextArray = driverParser(textArrayOid);

/**
 * Parses arrays whose elements need no quotes, such as keys and permissions. Faster than the driver, which parses
 * character by character. PostgreSQL quotes elements that contain a brace, comma, quote or backslash, are empty, or
 * look like NULL.
 */
const asTextArray: Parser = (text) => {
  if (text === '{}') return [];
  if (!text.startsWith('{') || text.startsWith('{{') || text.includes('"') || text.includes('NULL')) {
    return asAnyTextArray(text);
  }
  return text.slice(1, -1).split(',');
};

/**
 * Overrides of the driver. A `date` or `timestamp` has no time zone, so a `Date` would depend on the time zone of the
 * machine. An `interval` of months has no length in milliseconds. A `numeric` does not fit a JavaScript number.
 */
const overrides = new Map<number, Parser>([
  [instantOid, toInstant],
  [textArrayOid, asTextArray],
  [1082, asText], // date
  [1114, asText], // timestamp
  [1186, asText], // interval
  [1182, asTextArray], // date[]
  [1115, asTextArray], // timestamp[]
  [1187, asTextArray], // interval[]
  [1231, asTextArray], // numeric[]
]);

/** Converts columns to JavaScript values, on both engines. */
export const resultTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): Parser {
    return overrides.get(oid) ?? driverParser(oid, format);
  },
};

function driverParser(oid: number, format?: 'text' | 'binary'): Parser {
  return types.getTypeParser(oid, format);
}
