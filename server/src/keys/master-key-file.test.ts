import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { generateMasterKeyFile } from './master-key-file.ts';
import { SealError } from './seal.ts';
import { briefly, typescript } from '../test/child-process.ts';

const newDirectory = () => join(mkdtempSync(join(tmpdir(), 'gatehouse-key-')), 'data');

test('the first start makes the key, later ones read it', () => {
  const directory = newDirectory();
  const key = generateMasterKeyFile(directory);
  expect(key).toHaveLength(32);
  expect(generateMasterKeyFile(directory)).toEqual(key);
  expect(readFileSync(join(directory, 'master.key'), 'utf8')).toBe(`${key.toString('base64')}\n`);
  expect(generateMasterKeyFile(newDirectory())).not.toEqual(key);
});

test('only the owner of the file can read it, and no other file is left behind', () => {
  const directory = newDirectory();
  generateMasterKeyFile(directory);
  expect(readdirSync(directory)).toEqual(['master.key']);
  expect(statSync(join(directory, 'master.key')).mode & 0o777).toBe(0o600);
});

test('processes that start together agree on one key', async () => {
  const directory = newDirectory();
  const module = new URL('master-key-file.ts', import.meta.url).href;
  const script =
    `import(${JSON.stringify(module)}).then((m) => ` +
    "process.stdout.write(m.generateMasterKeyFile(process.argv[1]).toString('hex')))";
  const start = () => promisify(execFile)(process.execPath, [...briefly, ...typescript, '-e', script, directory]);
  const keys = await Promise.all(Array.from({ length: 4 }, start));
  expect(new Set(keys.map(({ stdout }) => stdout)).size).toBe(1);
  expect(keys[0]?.stdout).toMatch(/^[0-9a-f]{64}$/);
  expect(readdirSync(directory)).toEqual(['master.key']);
});

test.each(['', 'dG9vIHNob3J0'])('a file without a key is refused, not replaced', (content) => {
  const directory = newDirectory();
  mkdirSync(directory);
  writeFileSync(join(directory, 'master.key'), content);
  expect(() => generateMasterKeyFile(directory)).toThrow(SealError);
  expect(readFileSync(join(directory, 'master.key'), 'utf8')).toBe(content);
});
