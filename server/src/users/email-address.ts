import { domainToASCII } from 'node:url';
import { z } from 'zod';

/** What a local part may hold here: no quoting, no white space, no control or list characters that mail headers give a meaning. */
const localPart = /^[^\s@"(),:;<>[\\\]\p{C}]{1,64}$/u;
const domainLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Brings an e-mail address into the form that is stored: trimmed, domain as lower-case ASCII (IDNA). Dots and plus
 * tags are kept: whether they matter is up to the mailbox's own domain.
 *
 * @returns undefined when it is no address
 * @example normalizeEmail(' Jon.Doe@EXAMPLE.com ') // 'Jon.Doe@example.com'
 * @see RFC 5321, section 4.1.2
 */
export function normalizeEmail(input: string): string | undefined {
  const address = input.trim().normalize('NFC');
  const at = address.lastIndexOf('@');
  const local = address.slice(0, Math.max(at, 0));
  const domain = domainToASCII(address.slice(at + 1)).toLowerCase();
  const labels = domain.split('.');
  const valid = localPart.test(local) && labels.length >= 2 && labels.every((label) => domainLabel.test(label));
  const normalized = `${local}@${domain}`;
  return valid && normalized.length <= 254 ? normalized : undefined;
}

/** The key under which an address is unique in an app: two addresses that differ in case only are the same. */
export function emailKey(email: string): string {
  // Lowering can leave a letter and its mark apart (J̌ has no composed form, ǰ has): compose once more.
  return email.normalize('NFC').toLowerCase().normalize('NFC');
}

/** An e-mail address of a request, normalized. */
export const emailAddress = z
  .string({ error: (issue) => (issue.input === undefined ? 'Required.' : 'Must be a string.') })
  .max(320, { error: 'At most 254 characters.' })
  .transform((value, context) => {
    const normalized = normalizeEmail(value);
    if (normalized === undefined) context.addIssue({ code: 'custom', message: 'Must be an e-mail address.' });
    return normalized ?? '';
  })
  // Of what a transformation makes, the OpenAPI document knows no type by itself.
  .meta({ type: 'string', description: 'E-mail address.', examples: ['jon.doe@example.com'] });
