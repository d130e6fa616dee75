import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { OverloadedError } from './overloaded-error.ts';
import { createPasswordHasher } from './password-hash.ts';

const parameters = { memoryCost: 64, timeCost: 1, parallelism: 1 };
const hasher = createPasswordHasher({ parameters });

describe('hash and verify', () => {
  test('the right password matches, another does not', async () => {
    const hash = await hasher.hash('correct horse battery');
    await expect(hasher.verify(hash, 'correct horse battery')).resolves.toBe(true);
    await expect(hasher.verify(hash, 'correct horse batterY')).resolves.toBe(false);
    await expect(hasher.verify(hash, '')).resolves.toBe(false);
  });

  test('two hashes of one password differ by their salt', async () => {
    expect(await hasher.hash('same password')).not.toBe(await hasher.hash('same password'));
  });

  test('composed and decomposed characters are the same password', async () => {
    const hash = await hasher.hash('Zoe\u0308 has a cafe\u0301');
    await expect(hasher.verify(hash, 'Zo\u00eb has a caf\u00e9')).resolves.toBe(true);
  });

  test('nobody has no password', async () => {
    await expect(hasher.verify(null, 'correct horse battery')).resolves.toBe(false);
  });

  test('a damaged hash is an error, not a wrong password', async () => {
    await expect(hasher.verify('nonsense', 'x')).rejects.toThrow('Decoding failed');
    await expect(hasher.verify(await hasher.hash('x'), 'x')).resolves.toBe(true);
  });
});

describe('production parameters', () => {
  const production = createPasswordHasher();

  test('are argon2id with 19 MiB, two passes, one lane', async () => {
    const hash = await production.hash('correct horse battery');
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
    expect(production.needsRehash(hash)).toBe(false);
    expect(hasher.needsRehash(hash)).toBe(true);
    await expect(hasher.verify(hash, 'correct horse battery')).resolves.toBe(true);
  });
});

describe('admission', () => {
  test('beyond the queue it refuses at once, and returns a time to retry', async () => {
    const busy = bounded();
    const results = await Promise.allSettled(Array.from({ length: 9 }, () => busy.hash('password')));
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect(refused).toHaveLength(4);
    for (const reason of refused) expect(reason).toBeInstanceOf(OverloadedError);
    expect(refused[0]).toMatchObject({ retryAfterInSeconds: 1 });
  });

  test('the admission finishes calls in progress before a stop, and refuses all others', async () => {
    const busy = createPasswordHasher({ concurrency: 1, parameters });
    const hashes = Array.from({ length: 9 }, () => busy.hash('password'));
    busy.closeWithin(0);
    const outcomes = (await Promise.allSettled(hashes)).map((result) =>
      result.status === 'rejected' ? (result.reason as unknown) : 'hashed',
    );
    // The thread has one hash in progress and one queued.
    expect(outcomes.slice(0, 2)).toEqual(['hashed', 'hashed']);
    for (const outcome of outcomes.slice(2)) expect(outcome).toBeInstanceOf(OverloadedError);
    expect(() => busy.expectRoom()).toThrow(OverloadedError);
    await expect(busy.hash('password')).rejects.toBeInstanceOf(OverloadedError);
  });

  test('the admission continues before a stop with calls that are expected to begin in time', async () => {
    const busy = createPasswordHasher({ concurrency: 1, parameters });
    const hashes = Array.from({ length: 9 }, () => busy.hash('password'));
    busy.closeWithin(60_000);
    await expect(Promise.all(hashes)).resolves.toHaveLength(9);
    await expect(busy.hash('password')).resolves.toMatch(/^\$argon2id/);
  });

  test('the capacity is free again, also after failures', async () => {
    const busy = bounded();
    await Promise.allSettled(Array.from({ length: 5 }, () => busy.verify('nonsense', 'x')));
    const hashes = await Promise.all(Array.from({ length: 5 }, () => busy.hash('password')));
    expect(hashes).toHaveLength(5);
  });

  test('calls that wait are handled in order', async () => {
    const single = createPasswordHasher({ concurrency: 1, parameters });
    const order: number[] = [];
    await Promise.all([1, 2, 3, 4].map((n) => single.hash('password').then(() => order.push(n))));
    expect(order).toEqual([1, 2, 3, 4]);
  });
});

describe('the threads', () => {
  /** The nice value of each thread of this process. */
  const niceness = () =>
    readdirSync('/proc/self/task').map((task) => {
      const fields = readFileSync(`/proc/self/task/${task}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      return Number(fields[16]);
    });

  test.runIf(process.platform === 'linux')('come after all other entries', async () => {
    const before = niceness();
    const pair = createPasswordHasher({ concurrency: 2, parameters });
    await Promise.all(Array.from({ length: 8 }, () => pair.hash('password')));
    const lower = (values: number[]) => values.filter((value) => value >= 10).length;
    expect(lower(niceness()) - lower(before)).toBe(2);
    expect(niceness()[0]).toBe(before[0]);
  });

  test('do not block the event loop', async () => {
    const slow = createPasswordHasher({ concurrency: 1 });
    let done = false;
    const hashing = slow.hash('password').then(() => (done = true));
    await new Promise((resolve) => void setImmediate(resolve));
    expect(done).toBe(false);
    await hashing;
  });
});

function bounded() {
  return createPasswordHasher({ concurrency: 2, maxQueued: 3, parameters });
}
