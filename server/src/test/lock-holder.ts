import { DirectoryInUseError, lockDirectory } from '../db/directory-lock.ts';

/** Tries to lock the directory in its argument, prints the result, and holds the lock until it is killed. */
try {
  await lockDirectory(process.argv[2] ?? '');
  process.stdout.write('locked\n');
  setInterval(() => {}, 60_000);
} catch (error) {
  if (!(error instanceof DirectoryInUseError)) throw error;
  process.stdout.write('refused\n');
}
