import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Admission, type Load } from './admission.ts';
import { type Argon2Parameters, createHashThreads } from './hash-threads.ts';
import { OverloadedError } from './overloaded-error.ts';

/** Options of `createPasswordHasher`, with defaults for production. */
export interface PasswordHasherOptions {
  /** Number of threads, each for one password at a time; default: the number of cores. More threads are not faster. */
  readonly concurrency?: number;
  /** Maximum number of waiting hashes; default: 32 for each running hash, about half a second to a second of work. */
  readonly maxQueued?: number;
  /** Maximum expected wait of a password, in seconds; default: 5. Beyond that, passwords are refused at once. */
  readonly maxWaitSeconds?: number;
  /** Cheaper costs make tests fast. Production keeps the default. */
  readonly parameters?: Argon2Parameters;
}

/** Hashes and verifies passwords outside the event loop, with bounded concurrency. */
export interface PasswordHasher {
  /**
   * Called before a call starts work that ends in hashing, so that a refused call costs little.
   *
   * @throws OverloadedError if too many hashes are waiting, or the wait would be too long
   */
  expectRoom(): void;
  /**
   * The argon2id hash as a PHC string, with a random salt.
   *
   * @throws OverloadedError if too many hashes are waiting
   */
  hash(password: string): Promise<string>;
  /**
   * Whether `password` matches the hash. With `null` (no such user, or no password) it does the same work and returns
   * false, so that the response time reveals nothing.
   *
   * @throws OverloadedError if too many hashes are waiting
   * @throws Error if the stored hash is not a PHC string of argon2
   */
  verify(hash: string | null, password: string): Promise<boolean>;
  /** The load of the threads. */
  load(): Load;
  /**
   * Called before a stop. Refuses hashes that are not expected to begin within this time, at once, and all that still
   * wait when the time is over, so that every call gets a response.
   */
  closeWithin(milliseconds: number): void;
  /**
   * Whether `hash` has other parameters than the current ones. If so, the next successful sign-in hashes the password
   * again.
   */
  needsRehash(hash: string): boolean;
}

/**
 * RFC 9106 recommends stronger parameters; these are the smallest that OWASP's Password Storage Cheat Sheet accepts.
 */
const productionParameters: Argon2Parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Duration of a hash on a slow core. Used until the first hashes have been measured. */
const expectedTaskMs = 50;
const defaultWaitSeconds = 5;

/**
 * The password hasher of a process: argon2id over the NFC form of the password (NIST SP 800-63B, section 5.1.1.2), so
 * that a composed and a decomposed é are equal.
 *
 * @example const hasher = createPasswordHasher(); await hasher.verify(await hasher.hash('correct horse'), 'correct
 *   horse'); // true
 */
export function createPasswordHasher(options: PasswordHasherOptions = {}): PasswordHasher {
  const { concurrency = availableParallelism(), parameters = productionParameters } = options;
  const threads = createHashThreads(concurrency);
  const admission = new Admission({
    concurrency,
    maxQueued: options.maxQueued ?? concurrency * 32,
    maxWaitMs: (options.maxWaitSeconds ?? defaultWaitSeconds) * 1000,
    expectedTaskMs,
  });
  const prefix = phcPrefix(parameters);
  const nobodysHash = `${prefix}${phcBase64(16)}$${phcBase64(32)}`;
  return {
    expectRoom: () => admission.expectRoom(),
    load: () => admission.load,
    hash: async (password) =>
      String(
        await admission.run(() => threads.run({ password: password.normalize('NFC'), hash: undefined, parameters })),
      ),
    verify: async (hash, password) => {
      const work = { password: password.normalize('NFC'), hash: hash ?? nobodysHash, parameters };
      return (await admission.run(() => threads.run(work))) === true && hash !== null;
    },
    closeWithin: (milliseconds) => {
      // Each thread already has its next job, which cannot be taken back.
      threads.giveUpWaiting(Math.max(0, admission.closeWithin(milliseconds) - concurrency), new OverloadedError(1));
      setTimeout(() => threads.giveUpWaiting(0, new OverloadedError(1)), milliseconds).unref();
    },
    needsRehash: (hash) => !hash.startsWith(prefix),
  };
}

/** The library's own defaults (argon2id, version 1.3, 32 bytes) complete the parameters. */
function phcPrefix({ memoryCost, timeCost, parallelism }: Argon2Parameters): string {
  return `$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`;
}

function phcBase64(bytes: number): string {
  return randomBytes(bytes).toString('base64').replaceAll('=', '');
}
