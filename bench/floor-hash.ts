import { hash, verify } from '@node-rs/argon2';
import { summarize } from './load.ts';
import { hashParameters, password } from './seed.ts';

/**
 * Measures the hashing capacity of the idle machine: the hashing library on as many threads as there are cores
 * (`UV_THREADPOOL_SIZE`), with as many waiting passwords as the load has connections.
 */
async function run({ seconds, inFlight }: { seconds: number; inFlight: number }) {
  const stored = await hash(password, hashParameters);
  const start = performance.now();
  const end = start + seconds * 1000;
  const times: number[] = [];
  const worker = async () => {
    while (performance.now() < end) {
      const begun = performance.now();
      await verify(stored, password);
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return summarize(times, (performance.now() - start) / 1000);
}

process.on('message', (job: { seconds: number; inFlight: number }) => {
  void run(job).then((result) => process.send?.(result));
});
