import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * For processes that end after a few calls: half of their start time is spent optimizing code, mostly of the embedded
 * engine. Without optimization they work the same.
 */
export const briefly = ['--liftoff-only', '--no-opt'];

/** Loads TypeScript. The hook for `require` is omitted, because it is not needed. */
export const typescript = ['--import', 'tsx/esm'];

/** A script of this directory in a separate process. */
export interface Child {
  readonly pid: number;
  /** The output of the process, line by line. */
  readonly lines: AsyncIterator<string>;
  /** Kills the process with SIGKILL and waits until it has ended. */
  kill(): Promise<void>;
}

/** Starts `<name>.ts` of this directory with Node. */
export function startChild(name: string, ...args: string[]): Child {
  const script = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [...briefly, ...typescript, script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { pid: child.pid ?? 0, lines, kill: () => kill(child) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
