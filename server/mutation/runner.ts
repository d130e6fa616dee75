import { expect, type RunnerTestCase, TestRunner } from 'vitest';
import { withoutTimePassing } from '../src/test/clock.ts';
import { undoEverywhere } from '../src/test/undo.ts';
import { noteFinding, readPlan } from './plan.ts';

/** After this many passing tests, an expected survivor counts as one. */
const triesOfExpected = 10;

const plan = readPlan();
/** Number of further tests for each guard. */
const open = new Map(plan.guards.map((id) => [id, plan.expected.includes(id) ? triesOfExpected : Infinity]));
const prepared = new Set<number>();
const reported = new Set<number>();

let gone = plan.fromTheStart;
let reached = prepared;

Object.assign(globalThis, {
  __isGone: (id: number): boolean => {
    reached.add(id);
    return id === gone;
  },
});

/** The changes of the body are undone, and the clock is restored, so no token expires, however often the body runs. */
const undone = (body: () => Promise<void>): Promise<void> => withoutTimePassing(() => undoEverywhere(body));

/** Whether the body of the test passes without a guard. Its changes are undone. */
async function passes(body: () => Promise<void>, guard: number | undefined): Promise<boolean> {
  gone = guard;
  try {
    await undone(body);
    return true;
  } catch {
    return false;
  } finally {
    gone = plan.fromTheStart;
  }
}

/** Runs the body of every test once unchanged, and once without each guard that it reaches. */
// oxlint-disable-next-line import/no-default-export -- what vitest asks for
export default class extends TestRunner {
  async runTask(test: RunnerTestCase): Promise<void> {
    const body = async () => TestRunner.getTestFn(test)();
    reached = new Set();
    await undone(body);
    const guards = [...reached].filter((id) => open.has(id));
    for (const id of guards) await this.#tryWithout(id, body, expect.getState().currentTestName ?? test.name);
    reached = prepared;
  }

  async #tryWithout(id: number, body: () => Promise<void>, name: string): Promise<void> {
    if (!reported.has(id)) noteFinding({ reached: id });
    reported.add(id);
    if (!(await passes(body, id))) {
      if (!(await passes(body, undefined))) throw new Error(`fails even with the guard ${id} after it was gone`);
      noteFinding({ caught: id, by: name });
      open.delete(id);
      return;
    }
    const left = (open.get(id) ?? 0) - 1;
    if (left > 0) open.set(id, left);
    else open.delete(id);
  }

  override onAfterRunFiles(): void {
    super.onAfterRunFiles();
    for (const id of prepared) noteFinding({ prepared: id });
  }
}
