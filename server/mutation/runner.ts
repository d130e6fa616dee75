import { expect, type RunnerTestCase, TestRunner } from 'vitest';
import { withoutTimePassing } from '../src/test/clock.ts';
import { undoEverywhere } from '../src/test/undo.ts';
import { Groups } from './groups.ts';
import { noteFinding, readPlan } from './plan.ts';

const plan = readPlan();
const open = new Set(plan.guards);
const groups = new Groups();
const prepared = new Set<number>();
const reported = new Set<number>();

const goneAtFirst: readonly number[] = plan.fromTheStart === undefined ? [] : [plan.fromTheStart];
let gone = goneAtFirst;
let reached = prepared;

Object.assign(globalThis, {
  __isGone: (id: number): boolean => {
    reached.add(id);
    return gone.includes(id);
  },
});

/** The changes of the body are undone, and the clock is restored, so no token expires, however often the body runs. */
const undone = (body: () => Promise<void>): Promise<void> => withoutTimePassing(() => undoEverywhere(body));

/** Whether the body of the test passes without guards. Its changes are undone. */
async function passes(body: () => Promise<void>, without: readonly number[]): Promise<boolean> {
  gone = without;
  try {
    await undone(body);
    return true;
  } catch {
    return false;
  } finally {
    gone = goneAtFirst;
  }
}

/** Runs the body of every test once unchanged, and again without the guards that it reaches. */
// oxlint-disable-next-line import/no-default-export -- what vitest asks for
export default class extends TestRunner {
  async runTask(test: RunnerTestCase): Promise<void> {
    const body = async () => TestRunner.getTestFn(test)();
    reached = new Set();
    if (!(await passes(body, goneAtFirst))) return await this.#fail(body);
    const guards = [...reached].filter((id) => open.has(id));
    for (const id of guards) if (!reported.has(id)) noteFinding({ reached: id });
    for (const id of guards) reported.add(id);
    const caught = await groups.detect(guards, (without) => passes(body, without));
    if (caught.length > 0 && !(await passes(body, []))) return await this.#fail(body);
    for (const id of caught) {
      noteFinding({ caught: id, by: expect.getState().currentTestName ?? test.name });
      open.delete(id);
    }
    reached = prepared;
  }

  /** The result if a test fails with all guards. */
  async #fail(body: () => Promise<void>): Promise<void> {
    reached = prepared;
    if (!plan.isByHand) await undone(body);
  }

  override onAfterRunFiles(): void {
    super.onAfterRunFiles();
    for (const id of prepared) noteFinding({ prepared: id });
  }
}
