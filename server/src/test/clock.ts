import type { Clock } from '../clock.ts';

/** A clock that tests set by hand. */
export interface TestClock extends Clock {
  advance(milliseconds: number): void;
}

const clocks: TestClock[] = [];

export function createTestClock(start = new Date()): TestClock {
  let now = start.getTime();
  const clock: TestClock = {
    now: () => new Date(now),
    advance: (milliseconds) => {
      now += milliseconds;
    },
  };
  clocks.push(clock);
  return clock;
}

/** Restores the clocks that `work` moves, also after a failure, because its changes are undone too. */
export async function withoutTimePassing<Result>(work: () => Promise<Result>): Promise<Result> {
  const before = clocks.map((clock) => [clock, clock.now().getTime()] as const);
  try {
    return await work();
  } finally {
    for (const [clock, time] of before) clock.advance(time - clock.now().getTime());
  }
}
