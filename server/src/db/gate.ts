import { DatabaseUnavailableError } from './db.ts';

/** As long as a statement may take: anyone who waited for this long was waiting for something that hangs. */
const maximumWaitMs = 30_000;

/**
 * Shares one session: single statements pass side by side, a transaction has the session for itself. In order of
 * arrival, so that neither kind starves the other.
 */
export class Gate {
  #held = false;
  readonly #waiting: (() => void)[] = [];

  /** Whether a transaction has the session for itself. */
  get isHeld(): boolean {
    return this.#held;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs `statement` at once, or after the transaction that is open. */
  pass<Result>(statement: () => Promise<Result>): Promise<Result> {
    return this.#held ? this.#wait(() => this.pass(statement)) : statement();
  }

  /** Waits for exclusive access, which lasts until `release` is called. */
  hold(): Promise<{ release: () => void }> {
    if (this.#held) return this.#wait(() => this.hold());
    this.#held = true;
    return Promise.resolve({ release: () => this.#release() });
  }

  #wait<Result>(enter: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        clearTimeout(timer);
        resolve(enter());
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(new DatabaseUnavailableError('The embedded database was held by one transaction for too long'));
      }, maximumWaitMs);
      this.#waiting.push(turn);
    });
  }

  #release(): void {
    this.#held = false;
    while (!this.#held) {
      const turn = this.#waiting.shift();
      if (turn === undefined) return;
      turn();
    }
  }
}
