import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { survivorsTable } from './survivors.ts';

it('the README lists the guards that may go', () => {
  expect(readFileSync(new URL('README.md', import.meta.url), 'utf8')).toContain(survivorsTable());
});
