/** The one source of time. Tests pass a clock that they move by hand. */
export interface Clock {
  /** Now. */
  now(): Date;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => new Date() };
