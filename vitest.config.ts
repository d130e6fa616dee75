import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['server/**/*.test.ts', 'bench/**/*.test.ts'],
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
