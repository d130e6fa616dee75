import type { Clock } from './clock.ts';
import type { DatabaseTrouble } from './db/db.ts';
import type { ApiError } from './http/errors.ts';

const rememberedForMs = 30_000;

/** Counts calls that failed because of the database, by error code. */
export class DatabaseFailures {
  readonly #clock: Clock;
  #storageFullAt = -Infinity;
  readonly #counts: Record<DatabaseTrouble, number> = {
    database_unavailable: 0,
    database_busy: 0,
    storage_full: 0,
    outcome_unknown: 0,
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note({ code }: ApiError): void {
    if (isTrouble(this.#counts, code)) this.#counts[code] += 1;
    if (code === 'storage_full') this.#storageFullAt = this.#clock.now().getTime();
  }

  get counts(): Readonly<Record<DatabaseTrouble, number>> {
    return this.#counts;
  }

  /**
   * Whether a change found the storage full within the last half minute. Only a change can detect this, and while the
   * service is not ready there may be none. The service is therefore ready again after that time, until the next
   * failure.
   */
  get isStorageFull(): boolean {
    const elapsedMs = this.#clock.now().getTime() - this.#storageFullAt;
    // Otherwise a clock that was set back would prolong the half minute.
    return elapsedMs >= 0 && elapsedMs < rememberedForMs;
  }
}

const isTrouble = (counts: Record<DatabaseTrouble, number>, code: string): code is DatabaseTrouble => code in counts;
