import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../../', import.meta.url));

export default defineConfig({
  test: {
    root,
    include: ['server/mutation/*.mutation.ts'],
    pool: 'forks',
    maxWorkers: 1,
    hookTimeout: 60_000,
    globalSetup: ['server/src/test/global-setup.ts'],
  },
});
