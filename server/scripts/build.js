import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Builds the service into `dist`. In a terminal it says what it does, because `npm start` builds first. */
const steps = [
  { name: 'compile TypeScript', work: () => Promise.resolve(compile()) },
  { name: 'pack pages and an empty database', work: () => import('./build-assets.js') },
  { name: 'put the modules into a few files', work: () => import('./build-bundle.js') },
  { name: 'make pages of the documentation', work: () => import('./build-docs.js') },
];

for (const [index, { name, work }] of steps.entries()) {
  if (process.stdout.isTTY) process.stdout.write(`Build, step ${index + 1} of ${steps.length}: ${name}\n`);
  await work();
}

/** `npm run` puts the compiler on the path. */
function compile() {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const { status, error } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
