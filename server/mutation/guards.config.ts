import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { findMutants, withSwitches } from './mutants.ts';

const server = fileURLToPath(new URL('../', import.meta.url));
const mutants = findMutants(server);

/** Adds a switch to every guard while the sources are loaded; the files stay unchanged. */
function switchable(code: string, id: string): string | undefined {
  const file = relative(server, id);
  const some = mutants.filter((mutant) => mutant.file === file);
  return some.length === 0 ? undefined : withSwitches(code, some);
}

export default defineConfig({
  plugins: [{ name: 'switchable-guards', enforce: 'pre', transform: switchable }],
  test: {
    root: fileURLToPath(new URL('../../', import.meta.url)),
    include: [`server/src/${process.env['MUTATION_SUITE']}`],
    exclude: ['**/*.browser.test.ts', '**/*.crash.test.ts', '**/*races.test.ts'],
    pool: 'forks',
    isolate: false,
    maxWorkers: 1,
    runner: fileURLToPath(new URL('runner.ts', import.meta.url)),
    globalSetup: ['server/src/test/global-setup.ts'],
    testTimeout: 120_000,
    // The hook around a test waits until every mutant that the test reaches was tried.
    hookTimeout: 60 * 60_000,
    restoreMocks: true,
  },
});
