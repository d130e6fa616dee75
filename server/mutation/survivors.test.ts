import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { findIdlePatterns } from './mutants.ts';
import { survivorsTable } from './survivors.ts';

it('the README lists the guards that may go', () => {
  expect(readFileSync(new URL('README.md', import.meta.url), 'utf8')).toContain(survivorsTable());
});

it('every pattern of guards finds some', () => {
  expect(findIdlePatterns(fileURLToPath(new URL('../', import.meta.url)))).toEqual([]);
});
