import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * For processes that end after a few calls: half of the time of a start went into optimizing code, that of the embedded
 * engine above all. What they do is the same without.
 */
export const briefly = ['--liftoff-only', '--no-opt'];

/** Loads TypeScript; that of `require` is left out, which has nothing to do here. */
export const typescript = ['--import', 'tsx/esm'];

/** A script of this directory in a process of its own. */
export interface Child {
  readonly pid: number;
  /** What it prints, line by line. */
  readonly lines: AsyncIterator<string>;
  /** Kills it with SIGKILL and waits until it is gone. */
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
