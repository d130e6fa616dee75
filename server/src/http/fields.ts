import { z } from 'zod';
import { isDisguised } from './invisible-characters.ts';

/** Text that every database and JSON parser can store: no NUL, no unpaired surrogates. */
export const text = (options: { min?: number; max: number }) =>
  z
    .string({ error: (issue) => (issue.input === undefined ? 'Required.' : 'Must be a string.') })
    .min(options.min ?? 0, { error: options.min === 1 ? 'Must not be empty.' : `At least ${options.min} characters.` })
    .max(options.max, { error: `At most ${options.max} characters.` })
    .refine((value) => value.isWellFormed() && !value.includes('\0'), {
      error: 'Must be well-formed Unicode without NUL.',
    });

/** Invisible characters: white space, controls, format characters, fillers. */
const invisible = /[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Whether text has no visible character. */
export const isBlank = (value: string): boolean => value.replace(invisible, '') === '';

/** A name: one line, trimmed, with a visible character. */
export const visibleName = (options: { max: number }) =>
  text({ min: 1, ...options })
    .refine((value) => !isBlank(value) && !/[\p{Cc}\u2028\u2029]/u.test(value.trim()), { error: 'Must be a name.' })
    .transform((value) => value.trim());

/** A name that people tell from others by its look. Joiners and variation selectors are allowed. */
export const distinctName = (options: { max: number }) =>
  visibleName(options).refine((value) => !isDisguised(value), {
    error: 'Must not contain invisible characters or marks of the writing direction.',
  });

/** An optional field of a creating call: null equals absence. In a PATCH, null has a meaning of its own. */
export const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema
    .nullish()
    .transform((value) => value ?? undefined)
    .optional();

/** The body of a PATCH. Absent fields stay unchanged; at least one field is required. */
export const patchOf = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z
    .strictObject(shape)
    .partial()
    .refine((patch) => Object.keys(patch).length > 0, {
      error: `Send at least one of ${Object.keys(shape).join(', ')}.`,
    });

const blankToNone = (value: unknown): unknown =>
  value === null || (typeof value === 'string' && isBlank(value)) ? undefined : value;

/** An optional filter of a search or a list. A blank filter is ignored. */
export const filter = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess(blankToNone, schema.optional()).optional();

const offsetTime = z.iso.datetime({ offset: true });

/** A time in a request: RFC 3339, with `T` and `Z` in either case. @see RFC 3339, section 5.6 */
export const instant = (what: string, example: string) =>
  z
    .string({ error: 'Must be an RFC 3339 time.' })
    .refine((value) => offsetTime.safeParse(value.toUpperCase()).success, { error: 'Must be an RFC 3339 time.' })
    .transform((value) => new Date(value.toUpperCase()))
    .meta({ description: `${what} (RFC 3339).`, format: 'date-time', examples: [example] });

/** Largest value of a `bigint` column. */
const largestId = 9_223_372_036_854_775_807n;

/** An id: a decimal string, never a JSON number. The numeric order is the order of creation. */
export const id = z
  .string({ error: (issue) => (issue.input === undefined ? 'Required.' : 'Must be a decimal string.') })
  .regex(/^[0-9]{1,19}$/, { error: 'Must be a decimal string of 1 to 19 digits.' })
  .refine((value) => !/^[0-9]{1,19}$/.test(value) || BigInt(value) <= largestId, {
    error: 'Ids are smaller than this.',
  })
  .transform((value) => value.replace(/^0+(?=\d)/, ''));

/** An id as a field of a request or a response. */
export const idOf = (what: string, example = '118273645546213376') =>
  id.meta({ description: `Id of ${what}.`, examples: [example] });

/** An id in a response. It comes from the database, so it is not validated. */
export const outputId = (what: string, example = '118273645546213376') =>
  z.string().meta({ description: `Id of ${what}.`, examples: [example] });

/** A time: RFC 3339, UTC, milliseconds. */
export const time = (what: string) =>
  z
    .string()
    .meta({ description: `${what} (RFC 3339, UTC).`, format: 'date-time', examples: ['2026-11-24T09:30:00.000Z'] });

/** The literal message of a response. */
export const message = (example: string) =>
  z.string().meta({ description: 'The result in words.', examples: [example] });

const isDigits = (value: unknown): value is string => typeof value === 'string' && /^[0-9]{1,9}$/.test(value);

/** A whole number in a query string. */
export const queryInteger = (options: { min: number; max: number; what: string; example: number }) => {
  const error = `Must be a whole number from ${options.min} to ${options.max}.`;
  return z
    .preprocess(
      (value) => (isDigits(value) ? Number(value) : value),
      z.int({ error }).min(options.min, { error }).max(options.max, { error }),
    )
    .meta({ description: options.what, examples: [options.example] });
};

/** `true` or `false` in a query string. */
export const queryFlag = (what: string) =>
  z
    .enum(['true', 'false'], { error: 'Must be true or false.' })
    .transform((value) => value === 'true')
    .optional()
    // Documented as boolean: generated clients then write `true` and `false`.
    .meta({ description: `${what} Default: false.`, type: 'boolean', enum: undefined, examples: [true] });

const metadataKey = text({ min: 1, max: 200 });
const metadataValue = text({ max: 10_000 });
const metadataExample = { plan: 'pro', region: 'eu-west-1' };

/** Metadata as stored: strings by name. */
export const metadata = (whose: string) =>
  z
    .record(metadataKey, metadataValue)
    .meta({ description: `Metadata of the ${whose}: strings by name, at most 30.`, examples: [metadataExample] });

/** Changes to metadata: a string sets a key, `null` removes it, absent keys stay unchanged. */
export const metadataPatch = (whose: string) =>
  z
    .record(metadataKey, metadataValue.nullable())
    .refine((patch) => Object.keys(patch).length <= 100, { error: 'At most 100 keys in one change.' })
    .meta({
      description:
        `Changes to the metadata of the ${whose}: a string sets the key, null removes it, absent keys stay ` +
        'unchanged. At most 30 keys in all.',
      examples: [{ key1: 'value1' }],
    });

/** A given or family name. */
export const personName = (what: string, example: string) =>
  visibleName({ max: 200 }).meta({ description: what, examples: [example] });

/** A family name. Empty if a person has none, or if an identity provider did not return one. */
export const familyNameOrNone = (what: string, example: string) =>
  text({ max: 200 })
    .refine((value) => value.trim() === '' || (!isBlank(value) && !/[\p{Cc}\u2028\u2029]/u.test(value.trim())), {
      error: 'Must be a name.',
    })
    .transform((value) => value.trim())
    .meta({ description: `${what} Empty if there is none.`, examples: [example] });

/** A field that existing clients send and this service ignores. */
export const ignoredField = (why: string, example: string) =>
  z
    .unknown()
    .optional()
    .meta({ description: `Accepted and ignored: ${why}`, deprecated: true, examples: [example] });

/** @see RFC 7636, section 4.2, method S256 */
export const s256Challenge = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, { error: 'Must be the base64url SHA-256 of a verifier: 43 characters.' })
  .meta({
    description: 'SHA-256 of a secret of the product in base64url (RFC 7636, S256).',
    examples: ['E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'],
  });
