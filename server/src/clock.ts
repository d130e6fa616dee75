/** The one source of time: the clock of the database in production, one that they move by hand in tests. */
export interface Clock {
  /** Now. */
  now(): Date;
}
