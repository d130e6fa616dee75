import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { codeHash, constantTimeEqual, newCode, newSecret, normalizeCode, sha256 } from './secrets.ts';

const key = Buffer.alloc(32, 7);
const binding = { appId: '1', userId: '2', purpose: 'invitation', orgId: '3', code: 'K7PQ2XM' };

test('a secret is its prefix and 256 bits in base64url, never the same twice', () => {
  const secrets = Array.from({ length: 1000 }, () => newSecret('gh_s_'));
  for (const secret of secrets) expect(secret).toMatch(/^gh_s_[A-Za-z0-9_-]{43}$/);
  expect(new Set(secrets).size).toBe(1000);
});

test('sha256 is the plain SHA-256', () => {
  expect(sha256('abc')).toEqual(createHash('sha256').update('abc').digest());
});

test('a code has seven characters that are hard to confuse, all equally likely', () => {
  const counts = new Map<string, number>();
  const codes = Array.from({ length: 20_000 }, newCode);
  for (const code of codes) expect(code).toMatch(/^[A-HJKMNP-Z2-9]{7}$/);
  for (const character of codes.join('')) counts.set(character, (counts.get(character) ?? 0) + 1);
  expect(counts.size).toBe(31);
  // 140,000 draws: 4,516 expected each, standard deviation 66.
  for (const count of counts.values()) expect(Math.abs(count - 4516)).toBeLessThan(6 * 66);
});

test('a typed code is read as it was issued', () => {
  expect(normalizeCode(' k7pq2xm\n')).toBe('K7PQ2XM');
});

test.each([
  ['spaces', 'K7P Q2XM'],
  ['no-break, narrow and ideographic spaces', 'K7P\u00A0Q2\u202FX\u3000M'],
  ['a tab and line breaks', 'K7P\tQ2\r\nXM'],
  ['a hyphen', 'K7P-Q2XM'],
  ['other dashes', 'K7\u2010P\u2011Q\u2012\u2013\u20142\u2212XM\uFF0D'],
  ['zero-width characters', '\u200BK7P\u200C\u200DQ2\u2060XM\uFEFF'],
  ['a soft hyphen', 'K7P\u00ADQ2XM'],
  ['marks of direction', '\u200EK7PQ2XM\u200F\u202C\u2069'],
  ['everything at once', '\u2068 k7p \u2013 q2x\u200Bm\u2069'],
])('%s within a code are dropped', (_what, typed) => {
  expect(normalizeCode(typed)).toBe('K7PQ2XM');
});

describe('codeHash', () => {
  test('is stable and forgives how the code was typed', () => {
    expect(codeHash(key, binding)).toHaveLength(32);
    expect(codeHash(key, { ...binding, code: ' k7pq2xm ' })).toEqual(codeHash(key, binding));
  });

  test.each(['appId', 'userId', 'purpose', 'orgId', 'code'] as const)('is bound to %s', (part) => {
    expect(codeHash(key, { ...binding, [part]: 'other' })).not.toEqual(codeHash(key, binding));
  });

  test('is bound to the key', () => {
    expect(codeHash(Buffer.alloc(32, 8), binding)).not.toEqual(codeHash(key, binding));
  });

  test('parts cannot run into each other', () => {
    const shifted = { ...binding, appId: '12', userId: '' };
    expect(codeHash(key, shifted)).not.toEqual(codeHash(key, { ...binding, appId: '1', userId: '2' }));
    expect(codeHash(key, { ...binding, orgId: undefined })).not.toEqual(codeHash(key, { ...binding, orgId: '' }));
    const quoted = { ...binding, appId: '1","2', userId: '' };
    expect(codeHash(key, quoted)).not.toEqual(codeHash(key, { ...binding, appId: '1', userId: '2' }));
  });
});

test('constantTimeEqual compares bytes and lengths', () => {
  expect(constantTimeEqual(Buffer.from('same'), Buffer.from('same'))).toBe(true);
  expect(constantTimeEqual(Buffer.from('same'), Buffer.from('sane'))).toBe(false);
  expect(constantTimeEqual(Buffer.from('same'), Buffer.from('same!'))).toBe(false);
});
