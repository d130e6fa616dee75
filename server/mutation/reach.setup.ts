import { appendFileSync } from 'node:fs';
import { afterAll, expect } from 'vitest';
import { empty } from '../src/db/db.ts';

// In the instrumented copy every guard calls this with its number: which tests reach which guards.

const seen = new Map<number, Set<string>>();

Object.assign(globalThis, {
  __reached: (id: number) => {
    const { currentTestName } = expect.getState();
    const names = seen.get(id) ?? new Set();
    seen.set(id, currentTestName === undefined ? names : names.add(currentTestName));
    return empty;
  },
});

afterAll(() => {
  const lines = [...seen].map(([id, names]) => JSON.stringify({ id, names: [...names] }));
  appendFileSync(process.env['MUTATION_REACH'] ?? '/dev/null', `${lines.join('\n')}\n`);
  seen.clear();
});
