/** The only source of time: the clock of the database in production, a manual clock in tests. */
export interface Clock {
  /** Now. */
  now(): Date;
}
