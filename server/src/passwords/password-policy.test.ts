import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { isCommonPassword } from './common-passwords.ts';
import { passwordFault } from './password-policy.ts';

const owner = { email: 'Jon.Doe@example-company.com', firstName: 'Jonathan-Paul', lastName: 'van der Berg' };

test.each([
  'Password@123JonDoeInc',
  'Secret@slidezAB',
  'testJohndoe@12AB',
  'correct horse battery staple',
  'zwölf Boxkämpfer',
  'كلمة سر طويلة',
  '🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵',
])('%s is accepted', (password) => {
  expect(passwordFault(password, owner)).toBeUndefined();
});

describe('length', () => {
  test('is 10 to 128', () => {
    expect(passwordFault('mK4#vQz9p', owner)).toContain('at least 10');
    expect(passwordFault('mK4#vQz9pX', owner)).toBeUndefined();
    expect(passwordFault('mK4#vQz9'.repeat(16), owner)).toBeUndefined();
    expect(passwordFault(`${'mK4#vQz9'.repeat(16)}x`, owner)).toContain('at most 128');
    expect(passwordFault('', owner)).toContain('at least 10');
  });

  test('counts characters as a person does: code points after composition', () => {
    expect(passwordFault('🦊'.repeat(9), owner)).toContain('at least 10');
    expect(passwordFault('e\u0301'.repeat(9), owner)).toContain('at least 10');
    expect(passwordFault('🦊'.repeat(128), owner)).toBeUndefined();
  });
});

describe('common passwords', () => {
  test.each(['password123', 'PassWord123', '1234567890', 'qwertyuiop', '1q2w3e4r5t', 'iloveyou123', 'aaaaaaaaaa'])(
    '%s is refused',
    (password) => {
      expect(passwordFault(password, owner)).toContain('common');
    },
  );

  const entries = brotliDecompressSync(readFileSync(new URL('./common-passwords.txt.br', import.meta.url)))
    .toString()
    .trimEnd()
    .split('\n');

  test('the list has more than 100,000, each of which can matter', () => {
    expect(entries.length).toBeGreaterThan(100_000);
    expect(new Set(entries).size).toBe(entries.length);
    expect(entries.filter((entry) => !/^[ -@[-~]{10,}$/.test(entry))).toEqual([]);
  });

  test('every entry is found, but not similar ones', () => {
    expect(entries.filter((entry) => !isCommonPassword(entry))).toEqual([]);
    const set = new Set(entries);
    const near = entries.flatMap((entry) => [`${entry}\u0001`, `${entry}~`, entry.slice(0, -1), entry.slice(1)]);
    expect(near.filter((text) => isCommonPassword(text) !== set.has(text))).toEqual([]);
  });

  test.each(['', '\n', '\0', `${entries[0]}\n${entries[1]}`, '\ud800\ud800\ud800\ud800', '\uffff'.repeat(20)])(
    '%j is not found and does no harm',
    (text) => {
      expect(isCommonPassword(text)).toBe(false);
    },
  );
});

describe('the owner', () => {
  test.each([
    'jon.doe@example-company.com',
    'JON.DOE@EXAMPLE-COMPANY.COM',
    'JonDoeExampleCompanyCom',
    'jonathan-paul',
    'Jonathan Paul',
    'vanderberg',
    'Van Der Berg',
    'Jonathan-Paul van der Berg',
    'van der Berg, Jonathan-Paul',
    'vanderberg_jonathanpaul',
  ])('%s is refused', (password) => {
    expect(passwordFault(password, owner)).toContain('name');
  });

  test('the local part is refused', () => {
    expect(passwordFault('long.local.part', { email: 'LongLocalPart@example.com' })).toContain('e-mail');
  });

  test('a decomposed name is the same name', () => {
    expect(
      passwordFault('Zoe\u0308 Lundqvist', { email: 'z@example.com', firstName: 'Zoë', lastName: 'Lundqvist' }),
    ).toContain('name');
  });

  test('more than the name is accepted', () => {
    expect(passwordFault('Jonathan-Paul likes tea', owner)).toBeUndefined();
  });

  test('a password of symbols only is no empty name', () => {
    expect(passwordFault('#!%&/()=?*+-;:', { email: 'a@b.example', firstName: '', lastName: '' })).toBeUndefined();
  });
});

test('lone surrogates and NUL do not crash it', () => {
  expect(passwordFault('\ud800'.repeat(12), owner)).toBeUndefined();
  expect(passwordFault('\0'.repeat(12), owner)).toBeUndefined();
});
