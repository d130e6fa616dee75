import { toASCII, toUnicode } from 'tr46';
import { z } from 'zod';

/** Excludes quoting, white space, control characters, and the characters that mail headers give a meaning. */
const localPart = /^[^\s@"(),:;<>[\\\]\p{C}]{1,64}$/u;
/**
 * The same check for text of any length after compatibility forms are replaced. A leading hyphen is refused, because
 * programs read it as an option.
 */
const localPartOnceFolded = /^(?!-)[^\s@"(),:;<>[\\\]\p{C}]+$/u;
/** URL parsers read a domain with such a last label as an IPv4 address. */
const numericLabel = /^(?:[0-9]+|0x[0-9a-f]*)$/;

const strict = {
  checkBidi: true,
  checkHyphens: true,
  checkJoiners: true,
  useSTD3ASCIIRules: true,
  verifyDNSLength: true,
  transitionalProcessing: false,
} as const;

/**
 * The ASCII form of a domain. The domain must already be normalized: in lower case, it equals its ASCII or Unicode
 * form. So no character was dropped or replaced.
 *
 * @returns undefined if it is invalid
 * @see UTS 46, section 4.2
 */
function toAsciiDomain(input: string): string | undefined {
  const domain = input.toLowerCase().normalize('NFC');
  const ascii = toASCII(domain, strict);
  if (ascii === null) return undefined;
  const labels = ascii.split('.');
  if (labels.length < 2 || numericLabel.test(labels.at(-1) ?? '')) return undefined;
  const unicode = toUnicode(ascii, strict);
  const isExact = !unicode.error && (domain === ascii || domain === unicode.domain);
  return isExact && toASCII(unicode.domain, strict) === ascii ? ascii : undefined;
}

const isLocalPart = (text: string): boolean => localPart.test(text) && localPartOnceFolded.test(text.normalize('NFKC'));

/**
 * The form in which an e-mail address is stored: trimmed, domain in lower-case ASCII (IDNA). Dots and plus tags are
 * kept, because only the domain of the mailbox decides whether they matter.
 *
 * @returns undefined if it is not a valid address
 * @example normalizeEmail(' Jon.Doe@EXAMPLE.com ') // 'Jon.Doe@example.com'
 * @see RFC 5321, section 4.1.2
 */
export function normalizeEmail(input: string): string | undefined {
  const address = input.trim().normalize('NFC');
  const at = address.lastIndexOf('@');
  const local = address.slice(0, Math.max(at, 0));
  if (!isLocalPart(local)) return undefined;
  const domain = toAsciiDomain(address.slice(at + 1));
  const normalized = `${local}@${domain}`;
  return domain !== undefined && normalized.length <= 254 ? normalized : undefined;
}

/** The key by which an address is unique in an app. Addresses that differ only in case have the same key. */
export function emailKey(email: string): string {
  // Compose again, because lower-casing can separate a letter and its mark (J̌ has no composed form, ǰ has one).
  return email.normalize('NFC').toLowerCase().normalize('NFC');
}

/** A stored address with its domain in Unicode, or the address itself if the domain has no Unicode form. */
export function toUnicodeEmail(email: string): string {
  const at = email.lastIndexOf('@');
  const { domain, error } = toUnicode(email.slice(at + 1), strict);
  return error ? email : email.slice(0, at + 1) + domain;
}

/**
 * The key of the mailbox of an address: mail to `jon+anything@example.com` arrives in the mailbox of `jon@example.com`.
 * Only for counting mails; accounts keep the two addresses apart.
 */
export const mailboxKey = (email: string): string => emailKey(email).replace(/^([^+]+)\+.*(?=@)/, '$1');

/** An e-mail address in a request, normalized. */
export const emailAddress = z
  .string({ error: (issue) => (issue.input === undefined ? 'Required.' : 'Must be a string.') })
  .max(320, { error: 'At most 254 characters.' })
  .transform((value, context) => {
    const normalized = normalizeEmail(value);
    if (normalized === undefined) context.addIssue({ code: 'custom', message: 'Must be an e-mail address.' });
    return normalized ?? '';
  })
  // The OpenAPI generator cannot derive the type of a transformation.
  .meta({
    type: 'string',
    format: 'idn-email',
    maxLength: 254,
    description: 'E-mail address.',
    examples: ['jon.doe@example.com'],
  });
