import { DatabaseUnavailableError } from './db.ts';

/** The limit of a statement: a statement that waited for this long was waiting for one that hangs. */
const maximumWaitMs = 30_000;

/**
 * Shares one session: single statements run concurrently, and a transaction has exclusive access. Access is granted in
 * order of arrival, so that neither kind starves the other.
 */
export class Gate {
  #held = false;
  readonly #waiting: (() => void)[] = [];

  /** Whether a transaction has exclusive access. */
  get isHeld(): boolean {
    return this.#held;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs `statement` immediately, or after the open transaction. */
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
        reject(new DatabaseUnavailableError('One transaction held the embedded database for too long'));
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
