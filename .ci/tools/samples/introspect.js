/**
 * Tries introspection with the libraries of docs/guides/introspection.md: each has to accept tokens for its service and
 * sessions, and to refuse every other token.
 *
 *   npm run build
 *   node .ci/tools/samples/introspect.js authlib spring apache
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { freePort } from '../service.js';
import { blockOf, check, javaCommand, root, run, writeProgram } from './samples.js';
import { withTokens } from './tokens.js';

const guide = 'docs/guides/introspection.md';
const here = join(root, '.ci/tools/samples');

/**
 * @typedef {object} Place
 * @property {string} directory
 * @property {string} block
 * @property {string} url address of the service
 * @property {Record<string, string>} env
 */

/** @param {Place} place */
async function authlib({ directory, block }) {
  const program = await writeProgram(directory, 'use_authlib.py', block);
  await run(['python3', '-m', 'venv', 'venv'], { cwd: directory });
  const python = join(directory, 'venv/bin/python');
  const requirements = join(here, 'requirements.txt');
  const options = ['--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes'];
  await run([python, '-m', 'pip', 'install', ...options, '-r', requirements], { cwd: directory });
  return { command: [python, program], stop: async () => {} };
}

/** @param {Place} place */
async function spring({ directory, block }) {
  return { command: await javaCommand(directory, 'UseSpringIntrospection.java', block), stop: async () => {} };
}

/**
 * The module wants https: an endpoint with a certificate of its own, which is forwarded to the service.
 *
 * @param {string} directory
 * @param {string} url
 */
async function withCertificate(directory, url) {
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'key.pem',
    '-out',
    'certificate.pem',
  ];
  await run(['openssl', ...request, '-subj', '/CN=127.0.0.1'], { cwd: directory });
  const [key, cert] = await Promise.all(['key.pem', 'certificate.pem'].map((file) => readFile(join(directory, file))));
  const port = await freePort();
  const server = createTlsServer({ key, cert }, (incoming) => {
    const outgoing = connect(Number(new URL(url).port), '127.0.0.1');
    incoming.pipe(outgoing).pipe(incoming);
    for (const socket of [incoming, outgoing]) socket.on('error', () => incoming.destroy());
  });
  await once(server.listen(port, '127.0.0.1'), 'listening');
  server.unref();
  return `https://127.0.0.1:${port}`;
}

/** Starts the server with the block as its configuration. @param {Place} place */
async function apache({ directory, block, url, env }) {
  const secure = await withCertificate(directory, url);
  const port = await freePort();
  await mkdir(join(directory, 'pages/documents'), { recursive: true });
  await writeFile(join(directory, 'pages/documents/index.html'), 'documents');
  const modules = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'dir', 'auth_openidc'];
  const configuration = [
    `ServerRoot ${directory}`,
    `ServerName 127.0.0.1`,
    `Listen 127.0.0.1:${port}`,
    `PidFile ${directory}/pid`,
    `ErrorLog ${directory}/log`,
    `DefaultRuntimeDir ${directory}`,
    'User www-data',
    'Group www-data',
    ...modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
    `DocumentRoot ${directory}/pages`,
    'OIDCOAuthSSLValidateServer Off',
    block.replaceAll(url, secure),
  ].join('\n');
  await writeFile(join(directory, 'apache.conf'), configuration);
  await run(['chmod', '-R', 'a+rX', join(directory, '..')], { cwd: directory });
  const server = spawn('/usr/sbin/apache2', ['-f', join(directory, 'apache.conf'), '-DFOREGROUND'], {
    env: { ...process.env, ...env },
    stdio: 'inherit',
  });
  const program = await writeProgram(directory, 'use-apache.mjs', '');
  return {
    command: ['node', program, `http://127.0.0.1:${port}/documents/`],
    stop: async () => {
      if (server.exitCode !== null) return;
      const ended = once(server, 'exit');
      server.kill('SIGTERM');
      await ended;
    },
  };
}

const samples = {
  authlib: { title: 'Python: Authlib', prepare: authlib },
  spring: { title: 'Java: Spring Security', prepare: spring },
  apache: { title: 'Apache: mod_auth_openidc', prepare: apache },
};

const work = await mkdtemp(join(tmpdir(), 'gatehouse-introspection-'));
try {
  await withTokens(async ({ url, client, tokens }) => {
    const { person, machine, session, wrong, signedHere } = tokens;
    const env = { CLIENT_ID: client.id, CLIENT_SECRET: client.secret };
    for (const name of process.argv.slice(2)) {
      const { title, prepare } = samples[/** @type {keyof typeof samples} */ (name)];
      const directory = join(work, name);
      await mkdir(directory);
      const { command, stop } = await prepare({ directory, block: await blockOf(guide, title, url), url, env });
      const all = { right: { ...person, ...machine, ...session }, wrong: { ...wrong, ...signedHere } };
      try {
        await check(title, command, { cwd: directory, env }, all);
      } finally {
        await stop();
      }
    }
  });
} finally {
  await rm(work, { recursive: true, force: true });
}
