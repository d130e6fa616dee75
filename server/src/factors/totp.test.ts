import { describe, expect, it } from 'vitest';
import { matchTotp, stepOf, toBase32, totpCode, totpUri } from './totp.ts';

const secret = Buffer.from('12345678901234567890');
const at = (seconds: number) => new Date(seconds * 1000);

describe('the code of a moment', () => {
  // RFC 6238, appendix B: the last six of the eight digits.
  it.each([
    [59, '287082'],
    [1111111109, '081804'],
    [1111111111, '050471'],
    [1234567890, '005924'],
    [2000000000, '279037'],
    [20000000000, '353130'],
  ])('%d is %s', (seconds, code) => {
    expect(totpCode(secret, stepOf(at(seconds)))).toBe(code);
  });

  it.each([
    [-31, undefined],
    [-30, 0],
    [0, 0],
    [59, 0],
    [60, undefined],
  ])('is accepted %d seconds after its step began as step %s', (later, step) => {
    const began = 50_000_000;
    const code = totpCode(secret, began);
    expect(matchTotp(secret, code, at(began * 30 + later))).toBe(step === undefined ? undefined : began);
  });

  it.each(['', '28708', '2870820', '28708２', '      '])('is not %j', (code) => {
    expect(matchTotp(secret, code, at(59))).toBeUndefined();
  });
});

describe('base32', () => {
  // RFC 4648, section 10, without padding.
  it.each([
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ])('the base32 of %j is %j', (text, encoded) => {
    expect(toBase32(Buffer.from(text))).toBe(encoded);
  });
});

describe('the address of the QR code', () => {
  it('escapes characters that would end the label', () => {
    expect(totpUri(secret, 'Jon & Doe: Inc', 'jon+a@example.com')).toBe(
      'otpauth://totp/Jon%20%26%20Doe%3A%20Inc:jon%2Ba%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ' +
        '&issuer=Jon%20%26%20Doe%3A%20Inc&algorithm=SHA1&digits=6&period=30',
    );
  });
});
