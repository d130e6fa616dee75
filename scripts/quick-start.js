/**
 * Runs the commands of the documentation against a new service and compares their output with the output that the page
 * shows. The service gets a temporary directory and a free port, and is stopped at the end. Guides continue where
 * the quick start ended, each with a copy of its state.
 *
 *   npm run build
 *   node scripts/quick-start.js                             the README's quick start
 *   node scripts/quick-start.js docs/guides/*.md            guides, each after the quick start
 *   node scripts/quick-start.js --print docs/guides/x.md    prints the output of the blocks, for the page
 *
 * With TEST_DATABASE_URL, a PostgreSQL server whose user may create databases, guides run there, which is faster.
 *
 * In the section "Quick start" of README.md every ```bash block that sets or uses `url` belongs to the second terminal;
 * a ```text block directly after one is its output. A guide is run if its text has "continues the quick start"; its
 * ```bash blocks are run in a shell with the same variables, except blocks that begin with `# not pasted`. Ids, tokens,
 * times and similar values may differ.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';

const root = fileURLToPath(new URL('..', import.meta.url));
const startTimeoutMs = 60_000;

/** Values that differ between runs, replaced in both texts before the comparison. */
const masks = [
  [/gh_[a-z]_[\w-]+…?/g, '<secret>'],
  [/eyJ[\w-]+\.[\w-]+\.[\w-]+|eyJ[\w-]*…/g, '<jwt>'],
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>'],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<request id>'],
  [/\b\d{15,19}\b/g, '<id>'],
  [/\bcode: [A-Z2-9]{7}\b/g, 'code: <code>'],
  [/http:\/\/(localhost|127\.0\.0\.1):\d+/g, '<origin>'],
  [/(?<![\w:])(::1|127\.0\.0\.1)(?![\w:])/g, '<loopback>'],
];

/**
 * @param {string} readme
 * @returns {{ commands: string, expected: string }[]} the blocks to paste, each with its expected output
 */
function readBlocks(readme) {
  const section = /^## Quick start\n(.*?)(?=^## )/ms.exec(readme)?.[1];
  if (section === undefined) throw new Error('README.md has no section "Quick start"');
  const [, pasted] = section.split(/^In a second terminal.*$/m);
  if (pasted === undefined) throw new Error('The quick start does not say "In a second terminal"');
  return blocksIn(pasted);
}

/** @param {string} text @returns {{ commands: string, expected: string }[]} */
function blocksIn(text) {
  const blocks = text.matchAll(/^```bash\n(.*?)^```\n(?:\n```(?:text|json)\n(.*?)^```\n)?/gms);
  return Array.from(blocks, ([, commands = '', expected = '']) => ({ commands, expected }));
}

/** @param {string} guide @returns {{ commands: string, expected: string }[]} */
function blocksOfGuide(guide) {
  if (!/continues\s+the\s+\[?quick\s+start/i.test(guide)) return [];
  return blocksIn(guide).filter(({ commands }) => !commands.startsWith('# not pasted'));
}

/**
 * The data directory of a service, and the variables of the shell.
 *
 * @typedef {object} Place
 * @property {string} directory
 * @property {Record<string, string>} env the variables that locate the data
 */

/**
 * Starts a service on a free port that it chooses and reports, so that no other program can take the port in between.
 *
 * @param {Place} place
 * @param {number} [attempts] on a busy machine, a service may end because the database has not accepted it in time
 */
async function startService(place, attempts = 3) {
  const { env: own } = place;
  // Tokens contain the URL of the service, so they remain valid when a guide continues on another port.
  const env = { PATH: process.env['PATH'], PORT: '0', PUBLIC_URL: 'http://localhost:3000', ...own };
  const child = spawn(process.execPath, ['server/dist/main.js'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (printed += text));
  const deadline = Date.now() + startTimeoutMs;
  while (!printed.includes('the service is ready')) {
    if (child.exitCode !== null && attempts > 1) return startService(place, attempts - 1);
    if (child.exitCode !== null) throw new Error(`The service did not start:\n${printed}`);
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`The service was not ready in time:\n${printed}`);
    }
    await delay(100);
  }
  const port = Number(/listening at http:\/\/127\.0\.0\.1:(\d+)/.exec(printed)?.[1]);
  const password = /Super admin: admin@example\.com +Password: (\S+)/.exec(printed)?.[1];
  return { child, port, password };
}

/** @param {import('node:child_process').ChildProcess} child */
async function stopService(child) {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const [code] = await exited;
  if (code !== 0) throw new Error(`The service ended with ${code} instead of 0`);
}

/** The state of the shell, for the blocks of a guide that are pasted later. */
const shellState = 'shell-state.sh';

/**
 * Pastes all blocks into one shell, like a reader: the quick start in the checkout, a guide in a separate directory,
 * with the variables of the quick start, if there was one.
 *
 * @param {{ commands: string }[]} blocks
 * @param {{ directory: string, port: number, password: string | undefined }} place a first start printed the password
 * @returns {Promise<string[]>} the output of each block
 */
async function paste(blocks, { directory, port, password }) {
  const separator = `--- end of block ${process.pid} ---`;
  const pasted = blocks
    .map(({ commands }) => `${commands}\nprintf '%s\\n' '${separator}'\n`)
    .join('')
    .replace('http://localhost:3000', `http://localhost:${port}`)
    .replace(/^admin_password=.*$/m, `admin_password='${password}'`);
  const isQuickStart = password !== undefined;
  const state = join(directory, shellState);
  const resumed = isQuickStart ? '' : `. '${state}'\nurl=http://localhost:${port}\n`;
  const kept =
    '{ compgen -v | grep \'^[a-z]\' | while read -r name; do declare -p "$name"; done; declare -f; } ' +
    `>'${state}'\n`;
  const script = join(directory, 'pasted.sh');
  await writeFile(script, resumed + pasted + kept);
  const path = [dirname(process.execPath), process.env['PATH']].join(delimiter);
  const shell = spawn('bash', ['-euo', 'pipefail', script], {
    cwd: isQuickStart ? root : directory,
    env: { PATH: path, HOME: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  shell.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  const [code] = await once(shell, 'close');
  if (code !== 0) throw new Error(`The pasted commands ended with ${code} after printing:\n${output}`);
  return output.split(`${separator}\n`).slice(0, blocks.length);
}

/** @param {string} text */
const masked = (text) => masks.reduce((result, [pattern, name]) => result.replaceAll(pattern, name), text).trim();

/** @param {string} page @param {{ commands: string, expected: string }[]} blocks @param {string[]} printed */
function compare(page, blocks, printed) {
  const differences = blocks.flatMap(({ commands, expected }, index) => {
    const actual = printed[index] ?? '';
    if (masked(actual) === masked(expected)) return [];
    return [`These commands\n\n${commands}\nprinted\n\n${actual}\nand ${page} shows\n\n${expected}`];
  });
  if (differences.length > 0) throw new Error(differences.join('\n\n'));
}

/** @param {{ commands: string }[]} blocks @param {Place} place @returns {Promise<string[]>} the output of each block */
async function runBlocks(blocks, place) {
  const { child, port, password } = await startService(place);
  try {
    return await paste(blocks, { directory: place.directory, port, password });
  } finally {
    await stopService(child);
  }
}

/** @param {string} page @param {{ commands: string, expected: string }[]} blocks @param {Place} place */
async function check(page, blocks, place) {
  const printed = await runBlocks(blocks, place);
  if (isPrinting) process.stdout.write(printed.join('\n'));
  else compare(page, blocks, printed);
  process.stdout.write(`${page}: ${blocks.length} blocks print what the page shows, on Node ${process.version}.\n`);
}

/**
 * Places for the embedded database, each with its own directory.
 *
 * @param {string} parent
 */
const placesInDirectories = (parent) => ({
  /** @param {string} name @param {Place} [original] the place to copy @returns {Promise<Place>} */
  make: async (name, original) => {
    const directory = join(parent, name);
    // The lock files of a directory are sockets, which cannot be copied and are not needed.
    const filter = (/** @type {string} */ path) => !/^lock\.\d+$/.test(basename(path));
    await (original ? cp(original.directory, directory, { recursive: true, filter }) : mkdir(directory));
    return { directory, env: { DATA_DIR: join(directory, 'data') } };
  },
  remove: async () => {},
});

/**
 * Places with a separate database on a server.
 *
 * @param {string} parent
 * @param {string} server
 */
function placesOnServer(parent, server) {
  const directories = placesInDirectories(parent);
  const masterKey = randomBytes(32).toString('base64');
  /** @type {string[]} */
  const made = [];
  const ask = async (/** @type {string} */ statement) => {
    const client = new Client(server);
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  return {
    /** @param {string} name @param {Place} [original] the place to copy @returns {Promise<Place>} */
    make: async (name, original) => {
      const database = `gatehouse_${process.pid}_${name.replaceAll(/\W/g, '_').toLowerCase()}`;
      const url = new URL(server);
      const template = original ? new URL(original.env['DATABASE_URL'] ?? '').pathname.slice(1) : 'template0';
      await ask(`CREATE DATABASE ${database} TEMPLATE ${template}`);
      made.push(database);
      url.pathname = database;
      const { directory } = await directories.make(name, original);
      return { directory, env: { DATABASE_URL: url.href, MASTER_KEY: masterKey } };
    },
    remove: async () => {
      for (const database of made) await ask(`DROP DATABASE ${database} WITH (FORCE)`);
    },
  };
}

const isPrinting = process.argv.includes('--print');
const guides = process.argv.slice(2).filter((argument) => argument !== '--print');
const serverUrl = process.env['TEST_DATABASE_URL'];
const temporary = await mkdtemp(join(tmpdir(), 'gatehouse-quick-start-'));
// The README promises that it needs no server.
const places =
  serverUrl === undefined || guides.length === 0
    ? placesInDirectories(temporary)
    : placesOnServer(temporary, serverUrl);
/** @type {string[]} */
const faults = [];

/** @param {string} guide @param {Place} origin */
async function checkGuide(guide, origin) {
  const blocks = blocksOfGuide(await readFile(guide, 'utf8'));
  if (blocks.length === 0) return;
  await check(guide, blocks, await places.make(basename(guide), origin));
}

try {
  const quickStart = readBlocks(await readFile(join(root, 'README.md'), 'utf8'));
  const origin = await places.make('README');
  if (guides.length === 0) await check('README.md', quickStart, origin);
  else await runBlocks(quickStart, origin);
  // Two at a time, because each often waits for its service.
  const queue = [...guides];
  const workOff = async () => {
    for (let guide = queue.shift(); guide !== undefined; guide = queue.shift())
      await checkGuide(guide, origin).catch((error) => faults.push(`${guide}: ${error}`));
  };
  await Promise.all([workOff(), workOff()]);
} finally {
  await places.remove();
  await rm(temporary, { recursive: true, force: true });
}
if (faults.length > 0) throw new Error(faults.join('\n\n'));
