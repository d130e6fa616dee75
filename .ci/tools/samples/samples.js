/** Code blocks of the guides as programs: each reads tokens, one per line, and prints which ones it accepts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
export const root = join(here, '../../..');

/**
 * @param {string} guide file of the repository
 * @param {string} title bold words that begin the paragraph before the block
 * @param {string} url address of the service, which replaces the one of the guide
 * @returns {Promise<string>} the first code block after the title
 */
export async function blockOf(guide, title, url) {
  const text = await readFile(join(root, guide), 'utf8');
  const start = text.indexOf(`**${title}`);
  const block = start < 0 ? undefined : /^```\w+\n(.*?)^```$/ms.exec(text.slice(start))?.[1];
  if (block === undefined) throw new Error(`${guide} has no block after "${title}"`);
  return block.replaceAll('https://id.example.com', url);
}

/**
 * Copies a program of this directory, with the block in place of `SAMPLE`.
 *
 * @param {string} directory
 * @param {string} program
 * @param {string} block
 */
export async function writeProgram(directory, program, block) {
  const source = await readFile(join(here, program), 'utf8');
  await mkdir(directory, { recursive: true });
  const target = join(directory, program.split('/').at(-1) ?? '');
  await writeFile(
    target,
    source.replace('/* SAMPLE */', () => block),
  );
  return target;
}

/**
 * Java runs a source file, so that only the libraries are needed.
 *
 * @param {string} directory
 * @param {string} program
 * @param {string} block
 */
export async function javaCommand(directory, program, block) {
  const source = await writeProgram(directory, `java/${program}`, block);
  await cp(join(here, 'java/pom.xml'), join(directory, 'pom.xml'));
  const output = `-DoutputDirectory=${join(directory, 'dependency')}`;
  await run(['mvn', '-q', '-B', 'dependency:copy-dependencies', output], { cwd: directory });
  return ['java', '-cp', join(directory, 'dependency/*'), source];
}

/** Lets a program in a directory import what the repository has installed. @param {string} directory */
export async function linkModules(directory) {
  await mkdir(directory, { recursive: true });
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
}

/**
 * Runs a command and gives it lines.
 *
 * @param {string[]} command
 * @param {{ cwd: string, input?: string, env?: Record<string, string> }} options
 * @returns {Promise<string>} what it printed
 */
export async function run([program = '', ...parameters], { cwd, input = '', env = {} }) {
  const child = spawn(program, parameters, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (printed += text));
  child.stdin.end(input);
  const [status] = await once(child, 'close');
  if (status !== 0) throw new Error(`${program} ended with ${status}:\n${printed}`);
  return printed;
}

/**
 * Gives tokens to a program, and compares what it accepts.
 *
 * @param {string} name
 * @param {string[]} command
 * @param {{ cwd: string, env?: Record<string, string> }} options
 * @param {{ right: Record<string, string>, wrong: Record<string, string> }} tokens
 */
export async function check(name, command, options, { right, wrong }) {
  const all = [...Object.entries(right), ...Object.entries(wrong)];
  const input = all.map(([, token]) => `${token}\n`).join('');
  const answers = (await run(command, { ...options, input })).trim().split('\n');
  const expected = [...Object.keys(right).map(() => 'accepted'), ...Object.keys(wrong).map(() => 'refused')];
  const faults = all.flatMap(([what], index) =>
    answers[index] === expected[index] ? [] : [`${what}: ${answers[index]} instead of ${expected[index]}`],
  );
  if (faults.length > 0 || answers.length !== all.length) {
    throw new Error(`${name}: ${answers.length} of ${all.length} answers\n${faults.join('\n')}`);
  }
  process.stdout.write(`${name}: ${Object.keys(right).length} accepted, ${Object.keys(wrong).length} refused\n`);
}
