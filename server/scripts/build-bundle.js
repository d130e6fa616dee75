import { readFile, readdir, rm } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * Puts the three hundred modules that a start loads into a few files, `main.js` and `part-….js`: Node.js takes about a
 * millisecond to find, read and link each. What is imported by `import()` is in a part of its own. Packages stay where
 * they are, except zod: a hundred modules by itself. See docs/adr/0075-modules-in-a-few-files.md.
 */
const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const part = /^part-.*\.js(?:\.map)?$/;

/** Gives each module its own address in `dist` as `import.meta.url`: it looks for files beside itself. */
const ownAddresses = {
  name: 'own-addresses',
  /** @param {import('esbuild').PluginBuild} plugin */
  setup(plugin) {
    plugin.onLoad({ filter: /\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const address = `new URL('./${relative(dist, path)}', import.meta.url).href`;
      return { contents: source.replaceAll('import.meta.url', address) };
    });
  },
};

/** Half of the modules of zod are translations; what is never used is left out. */
const zodToo = {
  name: 'zod-too',
  /** @param {import('esbuild').PluginBuild} plugin */
  setup(plugin) {
    plugin.onResolve({ filter: /^zod$/ }, () => ({ path: fileURLToPath(import.meta.resolve('zod')) }));
  },
};

const earlier = (await readdir(dist)).filter((name) => part.test(name));
await Promise.all(earlier.map((name) => rm(dist + name)));
await build({
  entryPoints: [`${dist}main.js`],
  outdir: dist,
  allowOverwrite: true,
  bundle: true,
  packages: 'external',
  splitting: true,
  chunkNames: 'part-[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  charset: 'utf8',
  sourcemap: true,
  sourcesContent: false,
  plugins: [ownAddresses, zodToo],
  logLevel: 'warning',
});
