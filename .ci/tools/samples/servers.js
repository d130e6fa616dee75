/** Installs and starts servers that pages of the documentation show. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../service.js';
import { root, run } from './samples.js';

const startTimeoutMs = 60_000;

/** Writes the files that a page shows. @param {string} name of the page @param {string} directory */
export async function writeFiles(name, directory) {
  const page = await readFile(join(root, `docs/${name}.md`), 'utf8');
  const files = page.matchAll(/^Save this as `([^`]+)`[^\n]*:\n\n```\w+\n([^]*?)^```$/gm);
  for (const [, path = '', content = ''] of files) {
    const file = join(directory, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}

/** @type {Promise<void> | undefined} */
let installed;

/** Installs the SDK and the frameworks, once for all examples of Node.js. @param {string} directory */
export function installForNode(directory) {
  installed ??= (async () => {
    await run(['npm', 'run', '--silent', 'build', '--workspace', 'sdk'], { cwd: root });
    const pack = ['npm', 'pack', '--silent', '--workspace', 'sdk', '--pack-destination', directory];
    const file = (await run(pack, { cwd: root })).trim();
    for (const name of ['package.json', 'package-lock.json']) {
      await cp(join(root, '.ci/tools', name), join(directory, name));
    }
    await run(['npm', 'ci', '--silent', '--no-audit', '--no-fund'], { cwd: directory });
    await run(['npm', 'install', '--silent', '--no-save', '--no-audit', '--no-fund', `./${file}`], { cwd: directory });
  })();
  return installed;
}

/**
 * Waits for any answer. Until then the connection is refused.
 *
 * @param {string} url @param {import('node:child_process').ChildProcess} server
 */
async function ready(url, server) {
  const deadline = Date.now() + startTimeoutMs;
  const answers = () =>
    fetch(url).then(
      () => true,
      () => false,
    );
  while (!(await answers())) {
    if (server.exitCode !== null || Date.now() > deadline) throw new Error('The example does not answer');
    await delay(100);
  }
}

/**
 * Runs a function while a server is running, and then stops the server.
 *
 * @param {string} directory
 * @param {(port: number) => string[]} commandOf
 * @param {(port: number) => Record<string, string>} variablesOf
 * @param {(url: string) => Promise<void>} use
 */
export async function withServer(directory, commandOf, variablesOf, use) {
  const port = await freePort();
  const [program = '', ...parameters] = commandOf(port);
  const env = { ...process.env, ...variablesOf(port), PORT: String(port) };
  const server = spawn(program, parameters, { cwd: directory, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const url = `http://localhost:${port}`;
  try {
    await ready(url, server);
    await use(url);
  } finally {
    if (server.exitCode === null) {
      server.kill('SIGTERM');
      await once(server, 'exit');
    }
  }
}
