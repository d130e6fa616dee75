import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Absolute path of a file of `deploy/`. */
export const deployed = (file: string): string => fileURLToPath(new URL(`../../../deploy/${file}`, import.meta.url));

/** The name in the certificate and in the examples of `deploy/`. */
export const publicName = 'id.example.com';

/** A reverse proxy in front of a service, started with the example configuration of `deploy/`. */
export interface ReverseProxy {
  /** Ports on 127.0.0.1. */
  readonly http: number;
  readonly https: number;
  stop(): Promise<void>;
}

interface Ports {
  readonly service: number;
  readonly http: number;
  readonly https: number;
}

interface Program {
  readonly path: string;
  /** Text on stderr when the proxy serves https. */
  readonly ready: RegExp;
  /** Writes the configuration into the directory and returns the arguments. */
  prepare(directory: string, ports: Ports): Promise<{ args: string[]; env: Record<string, string> }>;
}

const nginx: Program = {
  path: '/usr/sbin/nginx',
  ready: /start worker process/,
  async prepare(directory, ports) {
    await writeFile(
      join(directory, 'site.conf'),
      nginxSite(await readFile(deployed('nginx-site.conf'), 'utf8'), directory, ports),
    );
    // The rest of nginx.conf: the parts that Debian keeps outside the directory of the test.
    const main = `
      daemon off;
      pid nginx.pid;
      error_log stderr notice;
      ${process.getuid?.() === 0 ? 'user root;' : ''}
      events {}
      http {
        access_log off;
        ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${kind};`).join(' ')}
        include site.conf;
      }`;
    await writeFile(join(directory, 'nginx.conf'), main);
    return { args: ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr'], env: {} };
  },
};

/** The example with the ports and paths of the test; other lines are unchanged. */
function nginxSite(example: string, directory: string, ports: Ports): string {
  const changes: [from: RegExp, to: string][] = [
    [/listen \[::\].*\n/g, ''],
    [/listen 80;/, `listen 127.0.0.1:${ports.http};`],
    [/listen 443 /, `listen 127.0.0.1:${ports.https} `],
    [/server 127\.0\.0\.1:3000;/, `server 127.0.0.1:${ports.service};`],
    [/\/etc\/letsencrypt\/live\/id\.example\.com/g, directory],
  ];
  return changes.reduce((text, [from, to]) => {
    if (text.search(from) === -1) throw new Error(`The example has no ${from.source}`);
    return text.replace(from, to);
  }, example);
}

/** Writes a self-signed certificate and its key, `fullchain.pem` and `privkey.pem`. */
function createCertificate(directory: string): void {
  const files = ['-keyout', join(directory, 'privkey.pem'), '-out', join(directory, 'fullchain.pem')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const names = ['-subj', `/CN=${publicName}`, '-addext', `subjectAltName=DNS:${publicName},DNS:localhost`];
  execFileSync('openssl', ['req', ...kind, ...names, ...files], { stdio: 'ignore' });
}

const caddy: Program = {
  path: '/usr/bin/caddy',
  ready: /serving initial configuration/,
  async prepare(directory, ports) {
    // Free ports, and a second site, which has the certificate, so that Caddy requests none.
    const main = `{
      admin off
      skip_install_trust
      http_port ${ports.http}
      https_port ${ports.https}
      default_bind 127.0.0.1
      storage file_system ${directory}
    }
    import ${deployed('Caddyfile')}
    https://localhost {
      tls ${directory}/fullchain.pem ${directory}/privkey.pem
    }\n`;
    await writeFile(join(directory, 'Caddyfile'), main);
    return {
      args: ['run', '--adapter', 'caddyfile', '--config', join(directory, 'Caddyfile')],
      env: { HOME: directory, GATEHOUSE_UPSTREAM: `127.0.0.1:${ports.service}` },
    };
  },
};

const programs = { nginx, caddy };
export type ProxyName = keyof typeof programs;

/** The installed proxies. Tests of others are skipped, unless `REQUIRE_PROXIES=1`. */
export const proxies = (Object.keys(programs) as ProxyName[]).map((name) => ({
  name,
  isInstalled: existsSync(programs[name].path),
}));
if (process.env['REQUIRE_PROXIES'] === '1' && proxies.some(({ isInstalled }) => !isInstalled))
  throw new Error(`Not all are installed: ${Object.keys(programs).join(', ')}`);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Starts a proxy with the example of `deploy/`, and waits until it accepts connections.
 *
 * @param service the port of the service on 127.0.0.1
 */
export async function startProxy(name: ProxyName, service: number): Promise<ReverseProxy> {
  const directory = await mkdtemp(join(tmpdir(), `gatehouse-${name}-`));
  const ports = { service, http: await freePort(), https: await freePort() };
  const program = programs[name];
  createCertificate(directory);
  const { args, env } = await program.prepare(directory, ports);
  const child = spawn(program.path, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(directory, { recursive: true });
  };
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    if (program.ready.test(line)) {
      child.stderr.resume();
      return { ...ports, stop };
    }
  }
  await stop();
  throw new Error(`${name} did not start:\n${said.join('\n')}`);
}
