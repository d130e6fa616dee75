/**
 * Runs the samples of docs/guides/verify-tokens.md against a service: each has to accept the access token of a person
 * for its service, and to refuse every other token.
 *
 *   npm run build
 *   node .ci/tools/samples/verify.js jose pyjwt nimbus spring go
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blockOf, check, javaCommand, linkModules, root, run, writeProgram } from './samples.js';
import { withTokens } from './tokens.js';

const guide = 'docs/guides/verify-tokens.md';
const here = join(root, '.ci/tools/samples');

/** @typedef {{ directory: string, block: string }} Place */

/** How the sample of a library becomes a command. `lacks` names what the library does not check, as the guide says. */
const samples = {
  jose: {
    title: 'Node.js: jose',
    lacks: [],
    /** @param {Place} place */
    prepare: async ({ directory, block }) => {
      await linkModules(directory);
      return ['node', await writeProgram(directory, 'use-jose.mjs', block)];
    },
  },
  pyjwt: {
    title: 'Python: PyJWT',
    lacks: [],
    /** @param {Place} place */
    prepare: async ({ directory, block }) => ['python3', await writeProgram(directory, 'use_pyjwt.py', block)],
  },
  nimbus: {
    title: 'Java: Nimbus',
    lacks: [],
    /** @param {Place} place */
    prepare: ({ directory, block }) => javaCommand(directory, 'UseNimbus.java', block),
  },
  spring: {
    title: 'Java: Spring Security',
    lacks: [],
    /** @param {Place} place */
    prepare: ({ directory, block }) => javaCommand(directory, 'UseSpring.java', block),
  },
  go: {
    title: 'Go: coreos/go-oidc',
    lacks: ['of another type'],
    /** @param {Place} place */
    prepare: async ({ directory, block }) => {
      await writeProgram(directory, 'go/main.go', block);
      for (const file of ['go.mod', 'go.sum']) await cp(join(here, 'go', file), join(directory, file));
      await run(['go', 'build', '-o', 'use', '.'], { cwd: directory });
      return [join(directory, 'use')];
    },
  },
};

const names = process.argv.slice(2);
const work = await mkdtemp(join(tmpdir(), 'gatehouse-samples-'));
try {
  await withTokens(async ({ url, tokens }) => {
    const { person, signedHere, machine, session } = tokens;
    for (const name of names) {
      const sample = samples[/** @type {keyof typeof samples} */ (name)];
      const directory = join(work, name);
      const command = await sample.prepare({ directory, block: await blockOf(guide, sample.title, url) });
      const wrong = { ...tokens.wrong, ...machine, ...session };
      for (const what of sample.lacks) delete wrong[what];
      await check(sample.title, command, { cwd: directory }, { right: { ...person, ...signedHere }, wrong });
    }
  });
} finally {
  await rm(work, { recursive: true, force: true });
}
