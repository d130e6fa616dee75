import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** The kind of work of a thread. */
const parts = ['event loop', 'hashing', 'runtime', 'PostgreSQL', 'load'] as const;
type Part = (typeof parts)[number];

/** Milliseconds of CPU time. */
export type ProcessorTime = Readonly<Record<Part, number>>;

/** The priority that hashing threads set for themselves. */
const hashingNiceness = 10;
const nanosecondsPerMillisecond = 1_000_000;
const millisecondsPerTick = 10;

function spentBy(directory: string): number {
  return Number(readFileSync(`${directory}/schedstat`, 'utf8').split(' ')[0]) / nanosecondsPerMillisecond;
}

/** Fields of `proc_pid_stat(5)` from the third on. The second is a name, which may contain spaces and parentheses. */
function statOf(directory: string): string[] {
  const stat = readFileSync(`${directory}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

const nicenessOf = (directory: string): number => Number(statOf(directory)[16]);
const parentOf = (directory: string): number => Number(statOf(directory)[1]);

/**
 * The process whose children are the backends of a server.
 *
 * @returns undefined if the backend runs on another machine or in another process namespace
 */
export function postmasterOf(backend: number): number | undefined {
  try {
    const directory = `/proc/${backend}`;
    return readFileSync(`${directory}/comm`, 'utf8').startsWith('postgres') ? parentOf(directory) : undefined;
  } catch {
    return undefined;
  }
}

/** CPU time of a process since its start, in steps of 10 ms; NaN if the kernel is not Linux. */
export function processMilliseconds(pid: number): number {
  if (process.platform !== 'linux') return Number.NaN;
  const stat = statOf(`/proc/${pid}`);
  return (Number(stat[11]) + Number(stat[12])) * millisecondsPerTick;
}

const entries = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => `${directory}/${name}`);

function partOfThread(pid: number, thread: string): Part {
  if (basename(thread) === String(pid)) return 'event loop';
  return nicenessOf(thread) === hashingNiceness ? 'hashing' : 'runtime';
}

function partOfProcess(directory: string, postmaster: number | undefined): Part | undefined {
  if (basename(directory) === String(process.pid)) return 'load';
  return postmaster !== undefined && parentOf(directory) === postmaster ? 'PostgreSQL' : undefined;
}

interface Spent {
  readonly part: Part;
  readonly milliseconds: number;
}

/** The measured processes: the service, and the server of the database. */
export interface Watched {
  readonly pid: number;
  readonly postmaster: number | undefined;
}

/** CPU time by thread or process. Threads and processes that end during the measurement are omitted. */
function spentSoFar({ pid, postmaster }: Watched): ReadonlyMap<string, Spent> {
  const spent = new Map<string, Spent>();
  const note = (directory: string, partOf: () => Part | undefined) => {
    try {
      const part = partOf();
      if (part) spent.set(directory, { part, milliseconds: spentBy(directory) });
    } catch {
      // It has ended.
    }
  };
  for (const thread of entries(`/proc/${pid}/task`)) note(thread, () => partOfThread(pid, thread));
  for (const directory of entries('/proc')) note(directory, () => partOfProcess(directory, postmaster));
  return spent;
}

/**
 * Runs `work` and measures the CPU time that it took: of the service by kind of thread, of the main thread of this
 * process (the load), and of the PostgreSQL server.
 *
 * @returns without `spent` if the kernel is not Linux
 */
export async function withProcessorTime<Result>(
  watched: Watched,
  work: () => Promise<Result>,
): Promise<{ result: Result; spent?: ProcessorTime }> {
  if (process.platform !== 'linux') return { result: await work() };
  const before = spentSoFar(watched);
  const result = await work();
  // The embedded database runs in threads of the service.
  const unknown = watched.postmaster === undefined ? { PostgreSQL: Number.NaN } : {};
  const spent: Record<Part, number> = { ...each(() => 0), ...unknown };
  for (const [directory, { part, milliseconds }] of spentSoFar(watched)) {
    spent[part] += milliseconds - (before.get(directory)?.milliseconds ?? 0);
  }
  return { result, spent };
}

/** A value for each part. */
export function each(valueOf: (part: Part) => number): ProcessorTime {
  return Object.fromEntries(parts.map((part) => [part, valueOf(part)])) as ProcessorTime;
}
