import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * Builds the service into `dist`. In a terminal it prints its steps, because `npm start` builds first. Arguments select
 * steps by key.
 */
const steps = [
  { key: 'compile', name: 'compile TypeScript', work: () => Promise.resolve(compile()) },
  { key: 'assets', name: 'pack pages and an empty database', work: () => import('./build-assets.js') },
  { key: 'bundle', name: 'bundle the modules into a few files', work: () => import('./build-bundle.js') },
  { key: 'docs', name: 'build the pages of the documentation', work: () => import('./build-docs.js') },
];

const only = process.argv.slice(2);
for (const [index, { key, name, work }] of steps.entries()) {
  if (only.length > 0 && !only.includes(key)) continue;
  if (process.stdout.isTTY) process.stdout.write(`Build, step ${index + 1} of ${steps.length}: ${name}\n`);
  await work();
}

/** `npm run` adds the compiler to the path. */
function compile() {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const { status, error } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
