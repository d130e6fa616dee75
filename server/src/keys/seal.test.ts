import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createSealer, SealError } from './seal.ts';

const first = randomBytes(32);
const second = randomBytes(32);
const before = createSealer({ current: first, old: [] });
const after = createSealer({ current: second, old: [first] });
const stranger = createSealer({ current: randomBytes(32), old: [] });

describe('seal and open', () => {
  test.each(['', 'a', 'geheim – سر', 'x'.repeat(100_000)])('return the value that was sealed', (text) => {
    expect(before.open(before.seal(text, 'apps:1'), 'apps:1').toString()).toBe(text);
  });

  test('keeps bytes as they are', () => {
    const bytes = randomBytes(1000);
    expect(before.open(before.seal(bytes, 'c'), 'c')).toEqual(bytes);
  });

  test('equal values look different each time', () => {
    expect(before.seal('same', 'c')).not.toEqual(before.seal('same', 'c'));
  });

  test('the encrypted bytes contain neither master key nor plaintext', () => {
    const sealed = before.seal('plaintext', 'c');
    expect(sealed.includes('plaintext')).toBe(false);
    expect(sealed.includes(first.subarray(0, 8))).toBe(false);
  });

  test('another context does not open it', () => {
    const sealed = before.seal('secret', 'signing_keys:1:k');
    expect(() => before.open(sealed, 'signing_keys:2:k')).toThrow(SealError);
  });

  test('a change of any byte is noticed', () => {
    const sealed = before.seal('secret', 'c');
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
      expect(() => before.open(changed, 'c')).toThrow(SealError);
    }
  });

  test('a cut or foreign value is refused', () => {
    const sealed = before.seal('secret', 'c');
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => before.open(sealed.subarray(0, length), 'c')).toThrow(SealError);
    }
    expect(() => before.open(randomBytes(100).fill(9, 0, 1), 'c')).toThrow('not a sealed value');
  });
});

describe('rotation', () => {
  test('old keys still open values, and report that the value should be sealed again', () => {
    const sealed = before.seal('secret', 'c');
    expect(after.open(sealed, 'c').toString()).toBe('secret');
    expect(after.isCurrent(sealed)).toBe(false);
    expect(after.isCurrent(after.seal('secret', 'c'))).toBe(true);
  });

  test('a key that is not configured is named by its id', () => {
    const sealed = after.seal('secret', 'c');
    expect(() => before.open(sealed, 'c')).toThrow(after.keyId);
    expect(after.keyId).toMatch(/^[0-9a-f]{16}$/);
  });

  test('derived keys come current first', () => {
    expect(after.deriveKeys('codes')).toEqual([after.deriveKey('codes'), before.deriveKey('codes')]);
  });
});

describe('derived keys', () => {
  test('depend on purpose and master key, and survive a restart', () => {
    expect(before.deriveKey('codes')).toHaveLength(32);
    expect(createSealer({ current: first, old: [] }).deriveKey('codes')).toEqual(before.deriveKey('codes'));
    expect(before.deriveKey('cursors')).not.toEqual(before.deriveKey('codes'));
    expect(stranger.deriveKey('codes')).not.toEqual(before.deriveKey('codes'));
    expect(before.deriveKey('codes')).not.toEqual(first);
  });
});

describe('check value', () => {
  test('accepts current and old master keys only', () => {
    expect(before.matchesCheckValue(before.checkValue())).toBe(true);
    expect(after.matchesCheckValue(before.checkValue())).toBe(true);
    expect(before.matchesCheckValue(after.checkValue())).toBe(false);
    expect(stranger.matchesCheckValue(before.checkValue())).toBe(false);
    expect(before.matchesCheckValue('')).toBe(false);
  });

  test('is the same at every start', () => {
    expect(createSealer({ current: first, old: [second] }).checkValue()).toBe(before.checkValue());
  });
});

test.each([0, 16, 31, 33])('a master key of %d bytes is refused', (bytes) => {
  expect(() => createSealer({ current: randomBytes(bytes), old: [] })).toThrow(SealError);
  expect(() => createSealer({ current: first, old: [randomBytes(bytes)] })).toThrow(SealError);
});
