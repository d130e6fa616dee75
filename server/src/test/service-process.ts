import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { briefly } from './child-process.ts';

/** The service as built by `npm test`, run like users run it. */
const script = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The exit code or signal of a process, and its output. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface CallOptions {
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The service in a separate process, ready for calls. */
export interface ServiceProcess {
  readonly port: number;
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
  /** The stdout of the process, to wait for more output. */
  readonly output: NodeJS.EventEmitter;
  /** Output on stdout so far. */
  stdout(): string;
  signal(name: NodeJS.Signals): void;
  ended(): Promise<Outcome>;
  /** Sends the signal and waits for the end. */
  stop(name?: NodeJS.Signals): Promise<Outcome>;
}

interface StartOptions {
  readonly clockOffMs?: number;
  readonly inTerminal?: boolean;
}

interface Spoken {
  stdout: string;
  stderr: string;
}

const listening = /listening at http:\/\/127\.0\.0\.1:(\d+)/;
const ready = /the service is ready/;

/** Loaded before the service: shifts the clock of the process, like a wrong clock of the machine. */
const wrongClock = (offMs: number) =>
  `data:text/javascript,${encodeURIComponent(`
  const Right = Date;
  globalThis.Date = class Date extends Right {
    constructor(...args) { super(...(args.length === 0 ? [Right.now() + ${offMs}] : args)); }
    static now() { return Right.now() + ${offMs}; }
  };`)}`;

/** Only the variables that a process needs to run. */
function start(env: Record<string, string>, { clockOffMs = 0, inTerminal = false }: StartOptions = {}) {
  const { PATH = '', HOME = '' } = process.env;
  const options = clockOffMs === 0 ? [] : ['--import', wrongClock(clockOffMs)];
  const service = [process.execPath, ...briefly, ...options, script];
  const [command = '', ...args] = inTerminal ? ['script', '-qefc', service.join(' '), '/dev/null'] : service;
  const child = spawn(command, args, {
    env: { PATH, HOME, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const spoken: Spoken = { stdout: '', stderr: '' };
  child.stdout.on('data', (text: Buffer) => (spoken.stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (spoken.stderr += text.toString()));
  const ended = once(child, 'close').then(([code, signal]): Outcome => ({ code, signal, ...spoken }));
  return { child, spoken, ended };
}

/** Starts the service with this environment, and waits for it to end by itself. */
export function runService(env: Record<string, string>): Promise<Outcome> {
  return start(env).ended;
}

/**
 * Starts the service and waits until it is ready or, with `until: 'listening'`, until it listens.
 *
 * @param options.clockOffMs time by which the clock of the process is ahead
 * @param options.inTerminal its output is a terminal, created with `script` of util-linux
 */
export async function startService(
  env: Record<string, string>,
  { until = 'ready', ...options }: StartOptions & { until?: 'ready' | 'listening' } = {},
): Promise<ServiceProcess> {
  const { child, spoken, ended } = start(env, options);
  const early = ended.then(({ stderr, stdout }) => Promise.reject(new Error(`ended early: ${stderr}${stdout}`)));
  const awaited = until === 'ready' ? ready : listening;
  while (!awaited.test(spoken.stdout)) await Promise.race([once(child.stdout ?? child, 'data'), early]);
  early.catch(() => {});
  const port = Number(listening.exec(spoken.stdout)?.[1]);
  const signal = (name: NodeJS.Signals) => void child.kill(name);
  return {
    port,
    output: child.stdout ?? child,
    call: (method, path, callOptions) => call(port, method, path, callOptions),
    stdout: () => spoken.stdout,
    signal,
    ended: () => ended,
    stop: (name = 'SIGTERM') => {
      signal(name);
      return ended;
    },
  };
}

function call(port: number, method: string, path: string, options: CallOptions = {}) {
  const { body, token, headers } = options;
  return fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      'x-app-name': 'demo',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}
