import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { hash as argon2Hash, verify as argon2Verify } from '@node-rs/argon2';

/** No capacity for another password hash now: the caller answers at once instead of piling up work. */
export class OverloadedError extends Error {
  /** When the queue is expected to have room again, in seconds. */
  readonly retryAfterInSeconds: number;

  constructor(retryAfterInSeconds: number) {
    super('Too many passwords are waiting to be hashed.');
    this.name = 'OverloadedError';
    this.retryAfterInSeconds = retryAfterInSeconds;
  }
}

/** The cost of one argon2id hash. */
export interface Argon2Parameters {
  /** KiB of memory. */
  readonly memoryCost: number;
  /** Passes over the memory. */
  readonly timeCost: number;
  /** Lanes. */
  readonly parallelism: number;
}

/** What `createPasswordHasher` may be told; each has a default for production. */
export interface PasswordHasherOptions {
  /** Hashes at one time; default: the number of cores. More are no faster and crowd files and DNS out of libuv's pool. */
  readonly concurrency?: number;
  /** Hashes that may wait; default: 32 for each running one, about half a second to a second of work. */
  readonly maxQueued?: number;
  /** Cheaper costs make tests fast. Production keeps the default. */
  readonly parameters?: Argon2Parameters;
}

/** Hashes and checks passwords off the event loop, a bounded number at a time. */
export interface PasswordHasher {
  /**
   * Asked before a call begins what ends in hashing: a call that would be turned away then costs nothing now.
   *
   * @throws OverloadedError when too many are waiting
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
  /** Whether `hash` was made with other parameters than today's: hash the password anew at the next right sign-in. */
  needsRehash(hash: string): boolean;
}

/** RFC 9106 names stronger ones; these are the smallest that OWASP's Password Storage Cheat Sheet accepts. */
const productionParameters: Argon2Parameters = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** For `Retry-After` only: what one hash takes on a slow core. */
const secondsPerHash = 0.05;

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
  const { admit, expectRoom } = createGate(concurrency, options.maxQueued ?? concurrency * 32);
  const prefix = phcPrefix(parameters);
  const nobodysHash = `${prefix}${phcBase64(16)}$${phcBase64(32)}`;
  return {
    expectRoom,
    hash: (password) => admit(() => argon2Hash(password.normalize('NFC'), parameters)),
    verify: async (hash, password) => {
      const matches = await admit(() => argon2Verify(hash ?? nobodysHash, password.normalize('NFC')));
      return matches && hash !== null;
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

/** Runs at most `concurrency` tasks, lets `maxQueued` wait in order, refuses the rest. */
function createGate(concurrency: number, maxQueued: number) {
  const waiting: (() => void)[] = [];
  let running = 0;

  function expectRoom(): void {
    if (running < concurrency || waiting.length < maxQueued) return;
    throw new OverloadedError(Math.max(1, Math.ceil((maxQueued / concurrency) * secondsPerHash)));
  }

  async function enter(): Promise<void> {
    expectRoom();
    if (running < concurrency) {
      running += 1;
      return;
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  }

  /** The place is handed to the next in line, not freed: a newcomer cannot slip in before it. */
  function leave(): void {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }

  return {
    expectRoom,
    admit: async <Result>(task: () => Promise<Result>): Promise<Result> => {
      await enter();
      try {
        return await task();
      } finally {
        leave();
      }
    },
  };
}
