import { expect, it } from 'vitest';
import { Groups } from './groups.ts';

const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** A test that needs one guard of each of these sets, and counts how often it runs. */
function testOf(needed: readonly (readonly number[])[]) {
  const test = {
    runs: 0,
    passesWithout: (gone: readonly number[]) => {
      test.runs += 1;
      return Promise.resolve(!needed.some((set) => set.every((id) => gone.includes(id))));
    },
  };
  return test;
}

/** Groups after so many tests without a failure that guards are removed together. */
async function grouped(guards: readonly number[]): Promise<Groups> {
  const groups = new Groups();
  for (const _ of range(3)) await groups.detect(guards, testOf([]).passesWithout);
  return groups;
}

const rows = [
  { name: 'nothing', needed: [], detected: [] },
  { name: 'one guard', needed: [[17]], detected: [17] },
  { name: 'several guards', needed: [[0], [17], [18], [39]], detected: [0, 17, 18, 39] },
  { name: 'no guard that has a second guard', needed: [[3, 30]], detected: [] },
  {
    name: 'a guard beside many that have second guards',
    needed: [[3, 30], [3, 31], [4, 5, 6], [22]],
    detected: [22],
  },
] as const;

it.each(rows)('detects $name', async ({ needed, detected }) => {
  const groups = await grouped(range(40));
  const found = await groups.detect(range(40), testOf(needed).passesWithout);
  expect(found.toSorted((a, b) => a - b)).toEqual(detected);
});

it('each guard is tested alone at first', async () => {
  const test = testOf([[3, 30]]);
  expect(await new Groups().detect(range(40), test.passesWithout)).toEqual([]);
  expect(test.runs).toBe(40);
});

it('remembers which guards protect the same', async () => {
  const groups = await grouped(range(40));
  await groups.detect(range(40), testOf([[3, 30]]).passesWithout);
  const later = testOf([[3, 30], [7]]);
  expect(await groups.detect(range(40), later.passesWithout)).toEqual([7]);
  expect(later.runs).toBeLessThan(12);
  const last = testOf([[3, 30]]);
  expect(await groups.detect(range(40), last.passesWithout)).toEqual([]);
  expect(last.runs).toBe(2);
});
