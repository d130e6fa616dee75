import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Admission, type Load } from './admission.ts';
import { type Argon2Parameters, createHashThreads } from './hash-threads.ts';
import { OverloadedError } from './overloaded-error.ts';

/** Options of `createPasswordHasher`, with defaults for production. */
export interface PasswordHasherOptions {
  /** Threads that hash, one password at a time each; default: the number of cores. More are no faster. */
  readonly concurrency?: number;
  /** Hashes that may wait; default: 32 for each running one, about half a second to a second of work. */
  readonly maxQueued?: number;
  /** Maximum expected wait of a password, in seconds; default: 5. Beyond that, passwords are refused at once. */
  readonly maxWaitSeconds?: number;
  /** Cheaper costs make tests fast. Production keeps the default. */
  readonly parameters?: Argon2Parameters;
}

/** Hashes and checks passwords off the event loop, a bounded number at a time. */
export interface PasswordHasher {
  /**
   * Asked before a call begins what ends in hashing: a call that would be turned away then costs nothing now.
   *
   * @throws OverloadedError when too many are waiting, or the wait would be too long
   */
  expectRoom(): void;
  /**
   * The argon2id hash as a PHC string, with a salt of its own.
   *
   * @throws OverloadedError when too many are waiting
   */
  hash(password: string): Promise<string>;
  /**
   * Whether `password` has that hash. With `null` (no such user, or one without a password) it does the same work and
   * answers false, so that the time tells nothing.
   *
   * @throws OverloadedError when too many are waiting
   * @throws Error when the stored hash is not a PHC string of argon2
   */
  verify(hash: string | null, password: string): Promise<boolean>;
  /** How busy the threads are. */
  load(): Load;
  /**
   * Before a stop: refuses at once each hash that is not expected to begin within this time, and when it is over each
   * that still waits, so that every call gets an answer.
   */
  closeWithin(milliseconds: number): void;
  /** Whether `hash` was made with other parameters than today's: hash the password again at the next right sign-in. */
  needsRehash(hash: string): boolean;
}

/** RFC 9106 names stronger ones; these are the smallest that OWASP's Password Storage Cheat Sheet accepts. */
const productionParameters: Argon2Parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Duration of a hash on a slow core. Used until the first hashes have been measured. */
const expectedTaskMs = 50;
const defaultWaitSeconds = 5;

/**
 * The one password hasher of a process: argon2id over the NFC form of the password (NIST SP 800-63B, section 5.1.1.2),
 * so that a composed and a decomposed é are the same password.
 *
 * @example
 * const hasher = createPasswordHasher();
 * await hasher.verify(await hasher.hash('correct horse'), 'correct horse'); // true
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
      // Threads are handed the next hashes while they do others; those are not taken back.
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
