import { types } from 'pg';

type Parser = (text: string) => unknown;

const asText: Parser = (text) => text;
const textArrayOid: number = 1009;
const asTextArray = driverParser(textArrayOid);

/**
 * Where the driver's own choice is not ours: a `date` or `timestamp` has no time zone, so that a `Date` would depend on
 * the machine's; an `interval` of months has no length in milliseconds; a `numeric` does not fit a JS number.
 */
const overrides = new Map<number, Parser>([
  [1082, asText], // date
  [1114, asText], // timestamp
  [1186, asText], // interval
  [1182, asTextArray], // date[]
  [1115, asTextArray], // timestamp[]
  [1187, asTextArray], // interval[]
  [1231, asTextArray], // numeric[]
]);

/** How columns become JS values, on both engines. */
export const resultTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): Parser {
    return overrides.get(oid) ?? driverParser(oid, format);
  },
};

function driverParser(oid: number, format?: 'text' | 'binary'): Parser {
  return types.getTypeParser(oid, format);
}
