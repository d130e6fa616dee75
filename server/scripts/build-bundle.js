import { readFile, readdir, rm } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * Bundles the three hundred modules of a start into a few files, `main.js` and `part-….js`, because Node.js takes about
 * a millisecond to find, read and link each module. Modules that are loaded by `import()` get a separate part. Packages
 * are not bundled, except zod, which alone has a hundred modules. See docs/adr/0075-modules-in-a-few-files.md.
 */
const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const part = /^part-.*\.js(?:\.map)?$/;

/**
 * Sets `import.meta.url` of each module to its original path in `dist`, because modules look for files beside
 * themselves.
 */
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

/** Half of the modules of zod are translations, which are omitted because they are not used. */
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
