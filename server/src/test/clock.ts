import type { Clock } from '../clock.ts';

/** A clock that tests move by hand. */
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

const minuteMs = 60_000;

/**
 * Sets clocks back that `work` moves by more than a minute. A minute may pass, because for that long the service
 * remembers in memory what it has told the audit, which nothing takes back.
 */
export async function withinMinute<Result>(work: () => Promise<Result>): Promise<Result> {
  const before = clocks.map((clock) => [clock, clock.now().getTime()] as const);
  try {
    return await work();
  } finally {
    for (const [clock, time] of before) {
      const passed = clock.now().getTime() - time;
      if (passed > minuteMs) clock.advance(-passed);
    }
  }
}
