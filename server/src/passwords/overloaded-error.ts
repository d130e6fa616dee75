/** No capacity for another password hash now: the caller answers at once instead of piling up work. */
export class OverloadedError extends Error {
  /** When there is expected to be room again, in seconds. */
  readonly retryAfterInSeconds: number;

  constructor(retryAfterInSeconds: number) {
    super('Too many passwords are waiting to be hashed.');
    this.name = 'OverloadedError';
    this.retryAfterInSeconds = retryAfterInSeconds;
  }
}
