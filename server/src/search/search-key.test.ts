import { array, assert, constantFrom, nat, property, string } from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { isSubstring, partsOfKey, partsOfQuery, partsWithin, searchKey, separators } from './search-key.ts';

describe('the key of a text', () => {
  it.each([
    ['Jon DOE', 'jon doe'],
    ['  Jon \t\u00a0 Doe ', 'jon doe'],
    ['José Ñúñez', 'jose nunez'],
    ['Jose\u0301', 'jose'],
    ['Łukasz Straße', 'lukasz strasse'],
    ['ŁØĐßẞÆÞıŒÐĦŦŊƏ', 'lodssssaethioedhtnə'],
    ['Đặng Þórður Ægir', 'dang thordur aegir'],
    ['فاطمة', 'فاطمه'],
    ['کریمی', 'كريمي'],
    ['ٱلله ۀ ہ ھ ے', 'الله ه ه ه ي'],
    ['٠١٢٣٤٥٦٧٨٩ ۰۹ ०९ ๐๙ ０９ ²', '0123456789 09 09 09 09 2'],
    ['O‘Brien—Smith', "o'brien-smith"],
    ['IŞIK ışık İzmir', 'isik isik izmir'],
    ['ﬁnn Ⅳ ＡＢＣ', 'finn iv abc'],
    ['أحمد إبراهيم آدم', 'احمد ابراهيم ادم'],
    ['مُحَمَّد', 'محمد'],
    ['محـــمد', 'محمد'],
    ['هدى', 'هدي'],
    ['ﻣﺤﻤﺪ', 'محمد'],
    ['ΓΙΏΡΓΟΣ Παπαδόπουλος', 'γιωργοσ παπαδοπουλοσ'],
    ['Юрий Ёлкин', 'юрии елкин'],
    ['김민수', '김민수'.normalize('NFKD')],
    ['王小明', '王小明'],
    ['O’Brien‐Smith', "o'brien-smith"],
    ['\u202bJon\u200e', 'jon'],
    ['100%_\\', '100%_\\'],
    ['\u0301\u0301', ''],
  ])('"%s" is "%s"', (text, key) => {
    expect(searchKey(text)).toBe(key);
  });

  it('the search key of a key is that key', () => {
    const texts = string({ unit: 'grapheme' });
    assert(
      property(texts, (text) => searchKey(searchKey(text)) === searchKey(text)),
      { numRuns: 2000 },
    );
  });
});

/** The definition of a search, without an index. */
function matches(key: string, query: string): boolean {
  if (isSubstring(query)) return key.includes(query);
  const characters = Array.from(key);
  return characters.some(
    (_, start) =>
      (start === 0 || separators.includes(characters[start - 1] ?? '')) &&
      characters.slice(start).join('').startsWith(query),
  );
}

describe('the parts of a text', () => {
  const letters = constantFrom('a', 'b', 'ł', '王', '😀', ' ', '.', '@', '-');
  const keys = array(letters, { maxLength: 40 }).map((units) => searchKey(units.join('')));

  test('include those of every query that matches, and not those of one that shares no part', () => {
    assert(
      property(keys, nat(), nat({ max: 20 }), (key, from, length) => {
        const characters = Array.from(key);
        const start = characters.length === 0 ? 0 : from % characters.length;
        const query = characters.slice(start, start + length).join('');
        if (query === '' || !matches(key, query)) return;
        const parts = new Set(partsOfKey('name', key));
        expect(partsOfQuery('name', query).filter((part) => !parts.has(part))).toEqual([]);
      }),
    );
  });

  test('the parts of a name differ from those of an address', () => {
    const ofName = new Set(partsOfKey('name', 'jon.doe'));
    expect(partsOfKey('email', 'jon.doe').filter((part) => ofName.has(part))).toEqual([]);
  });

  test('the parts of a text of one organization differ from those of another', () => {
    const parts = partsOfKey('name', 'jon doe');
    const here = new Set(partsWithin('118273645546213376', parts));
    expect(partsWithin('118273645546217472', parts).filter((part) => here.has(part))).toEqual([]);
  });

  test('the parts that a query needs are few, even if the query is long', () => {
    expect(partsOfQuery('name', 'do')).toHaveLength(1);
    expect(partsOfQuery('name', 'doe')).toHaveLength(1);
    expect(partsOfQuery('name', 'abcdef')).toHaveLength(1);
    expect(partsOfQuery('name', 'abcdefghijklmnopqr')).toHaveLength(3);
    expect(partsOfQuery('name', 'abcdefghijklmnopqrs')).toHaveLength(4);
  });
});
