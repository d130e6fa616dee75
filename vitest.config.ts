import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** About the embedded database alone, so that a run on a server learns nothing from them. */
const aboutEmbedded = ['server/src/db/embedded.test.ts', 'server/src/db/directory-lock.test.ts'];

/** The longest test files start first, so that no single worker runs alone at the end. */
const longest = [
  'main.test',
  'workers.test',
  'tenancy.twins.test',
  'durability.test',
  'tenancy.test',
  'docs.browser.test',
  'access.test',
  'embedded.test',
  'crash.test',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = longest.findIndex((name) => moduleId.includes(name));
      return found === -1 ? longest.length : found;
    };
    // oxlint-disable-next-line unicorn/no-array-sort -- the method of the class, on no array
    return (await super.sort(files)).toSorted((one, other) => place(one) - place(other));
  }
}

export default defineConfig({
  test: {
    include: ['server/**/*.test.ts', 'bench/**/*.test.ts', 'sdk/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(process.env['TEST_DATABASE_URL'] === undefined ? [] : aboutEmbedded)],
    pool: 'forks',
    // Test files keep nothing in modules: a worker loads and compiles the service once for all of its files.
    isolate: false,
    // Tests wait for processes that they start, so one more than two processors is busy with.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // Ends tests that hang. The limit is high enough for slow tests on a busy machine.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    restoreMocks: true,
    globalSetup: ['server/src/test/global-setup.ts'],
  },
});
