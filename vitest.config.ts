import { configDefaults, defineConfig } from 'vitest/config';

/** About the embedded database alone, so that a run on a server learns nothing from them. */
const aboutEmbedded = ['server/src/db/embedded.test.ts', 'server/src/db/directory-lock.test.ts'];

export default defineConfig({
  test: {
    include: ['server/**/*.test.ts', 'bench/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(process.env['TEST_DATABASE_URL'] === undefined ? [] : aboutEmbedded)],
    pool: 'forks',
    // Test files keep nothing in modules: a worker loads and compiles the service once for all of its files.
    isolate: false,
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    restoreMocks: true,
    globalSetup: ['server/src/test/global-setup.ts'],
  },
});
