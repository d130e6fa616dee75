import { describe, expect, it } from 'vitest';
import { badAddresses, goodAddresses } from '../test/email-addresses.ts';
import { emailKey, normalizeEmail } from './email-address.ts';

describe('an e-mail address', () => {
  it.each(goodAddresses)('%j is stored as %j', (input, stored) => {
    expect(normalizeEmail(input)).toBe(stored);
    expect(normalizeEmail(stored)).toBe(stored);
  });

  it.each(badAddresses)('an e-mail address with %s is refused: %j', (_, input) => {
    expect(normalizeEmail(input)).toBeUndefined();
  });

  it('has the same key in every spelling of its letters', () => {
    expect(emailKey('J\u030cON@example.com')).toBe(emailKey('\u01f0on@example.com'));
    expect(emailKey('Jon@example.com')).toBe('jon@example.com');
  });
});
