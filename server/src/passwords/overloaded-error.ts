/** There is no capacity for another password hash now. Respond immediately instead of queueing work. */
export class OverloadedError extends Error {
  /** Seconds until capacity is expected. */
  readonly retryAfterInSeconds: number;

  constructor(retryAfterInSeconds: number) {
    super('Too many passwords are waiting to be hashed.');
    this.name = 'OverloadedError';
    this.retryAfterInSeconds = retryAfterInSeconds;
  }
}
