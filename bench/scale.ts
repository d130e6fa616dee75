import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { auditCases, type Case, listCases, type Request } from './scale/cases.ts';
import { sizeOf } from './scale/generate.ts';
import { type Cost, costOfStatements } from './scale/plan.ts';
import { dropSubject, openSubject, type Subject } from './scale/subject.ts';

const usage = `DATABASE_URL=postgresql://… npm run bench:scale -- [options]
  --sizes 10000,100000,1000000   users; a tenth as many organizations, ten times as many events
  --only lists|audit             which cases; default: both
  --requests 400                 to each size, in turns
  --keep                         leaves the databases, and the next run uses them
The user of DATABASE_URL must be a superuser: it makes the databases gatehouse_scale_<users> and fills them by COPY.
The largest size takes about 6 GB and some minutes.`;

const flags = {
  sizes: { type: 'string', default: '10000,100000,1000000' },
  only: { type: 'string', default: '' },
  requests: { type: 'string', default: '400' },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** Until caches are filled and statement plans are stable. */
const warmUps = 50;
/** Largest allowed ratio of the cost at the largest size to the cost at the smallest. */
const aims = { p50: 1.5, buffersPerDescent: 3 } as const;

const note = (text: string): void => void process.stderr.write(`${text}\n`);

/** A case at one size. */
interface Measured {
  readonly users: number;
  readonly p50Ms: number;
  readonly cost: Cost;
}

interface Outcome {
  readonly name: string;
  /** Empty if the service has no such route. */
  readonly sizes: readonly Measured[];
  readonly growth: number;
  readonly buffersPerDescent: number;
  readonly shortfalls: readonly string[];
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function timeOnce({ app }: Subject, request: Request): Promise<number> {
  const began = performance.now();
  const { statusCode } = await app.inject(request);
  if (statusCode !== 200) throw new Error(`${request.url}: ${statusCode}`);
  return performance.now() - began;
}

/**
 * Alternates between the sizes for each request, so that other load on the machine affects all sizes equally.
 *
 * @returns each p50, in milliseconds
 */
async function measureTimes(subjects: readonly Subject[], requests: readonly Request[], count: number) {
  const times = subjects.map((): number[] => []);
  for (let turn = -warmUps; turn < count; turn += 1) {
    for (const [index, request] of requests.entries()) {
      const subject = subjects[index];
      const time = subject ? await timeOnce(subject, request) : 0;
      if (turn >= 0) times[index]?.push(time);
    }
  }
  return times.map(median);
}

async function measureCost(subject: Subject, request: Request): Promise<Cost> {
  subject.take();
  await timeOnce(subject, request);
  return costOfStatements(subject.url, subject.take());
}

function judge(name: string, sizes: readonly Measured[]): Outcome {
  const [smallest, largest] = [sizes[0], sizes.at(-1)];
  if (!smallest || !largest) return { name, sizes, growth: 0, buffersPerDescent: 0, shortfalls: [] };
  const growth = largest.p50Ms / smallest.p50Ms;
  const buffersPerDescent = (largest.cost.buffers - smallest.cost.buffers) / Math.max(largest.cost.descents, 1);
  const shortfalls = [
    ...(growth > aims.p50 ? ['p50'] : []),
    ...(buffersPerDescent > aims.buffersPerDescent ? ['buffers'] : []),
  ];
  return { name, sizes, growth, buffersPerDescent, shortfalls };
}

async function runCase({ name, prepare }: Case, subjects: readonly Subject[], count: number): Promise<Outcome> {
  note(name);
  const requests: Request[] = [];
  try {
    for (const subject of subjects) requests.push(await prepare(subject));
  } catch (error) {
    if (error instanceof Error && error.message.includes('route_not_found')) return judge(name, []);
    throw error;
  }
  const p50s = await measureTimes(subjects, requests, count);
  const sizes: Measured[] = [];
  for (const [index, subject] of subjects.entries()) {
    const request = requests[index];
    if (!request) continue;
    const cost = await measureCost(subject, request);
    sizes.push({ users: subject.size.users, p50Ms: p50s[index] ?? 0, cost });
  }
  return judge(name, sizes);
}

const thousands = (value: number): string => (value >= 1e6 ? `${value / 1e6}M` : `${value / 1e3}k`);

function row({ name, sizes, growth, buffersPerDescent, shortfalls }: Outcome): string[] {
  if (sizes.length === 0) return [name, 'no such route'];
  return [
    name,
    ...sizes.map(({ p50Ms }) => p50Ms.toFixed(2)),
    growth.toFixed(2),
    ...sizes.map(({ cost }) => String(cost.buffers)),
    String(sizes.at(-1)?.cost.descents ?? 0),
    buffersPerDescent.toFixed(2),
    shortfalls.length === 0 ? 'yes' : `no: ${shortfalls.join(', ')}`,
  ];
}

function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const lines = rows.map(
    (cells) => `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`,
  );
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  return lines.join('\n');
}

function report(outcomes: readonly Outcome[], users: readonly number[]): string {
  const head = [
    'request',
    ...users.map((count) => `ms ${thousands(count)}`),
    'growth',
    ...users.map((count) => `buffers ${thousands(count)}`),
    'descents',
    'more each',
    'flat',
  ];
  const scanned = outcomes.flatMap(({ name, sizes }) =>
    (sizes.at(-1)?.cost.scanned ?? []).map((scannedTable) => `${name}: reads more than 1,000 rows of ${scannedTable}.`),
  );
  const missed = outcomes.filter(({ shortfalls }) => shortfalls.length > 0).length;
  return [
    table([head, ...outcomes.map(row)]),
    '',
    `p50 may grow ${aims.p50} times, buffers by ${aims.buffersPerDescent} for each index descent; ${missed} ` +
      `exceed this.`,
    ...scanned,
  ].join('\n');
}

async function writeResult(outcomes: readonly Outcome[]): Promise<string> {
  const directory = new URL('results/', import.meta.url);
  await mkdir(directory, { recursive: true });
  const time = new Date().toISOString();
  const file = new URL(`${time.replaceAll(':', '-')}-scale.json`, directory);
  await writeFile(file, `${JSON.stringify({ time, node: process.version, outcomes }, undefined, 2)}\n`);
  return file.pathname;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: flags });
  const serverUrl = process.env['DATABASE_URL'];
  if (values.help || !serverUrl) return note(usage);
  const sizes = values.sizes.split(',').map((count) => sizeOf(Number(count)));
  if (sizes.some(({ users }) => !(users >= 10_000 && users <= 1_000_000 && users % 1000 === 0))) {
    throw new Error('--sizes are thousands of users, from 10000 to 1000000');
  }
  const cases = [...(values.only === 'audit' ? [] : listCases), ...(values.only === 'lists' ? [] : auditCases)];
  const subjects: Subject[] = [];
  try {
    for (const size of sizes) subjects.push(await openSubject(serverUrl, size, note));
    const outcomes: Outcome[] = [];
    for (const each of cases) outcomes.push(await runCase(each, subjects, Number(values.requests)));
    process.stdout.write(
      `${report(
        outcomes,
        sizes.map(({ users }) => users),
      )}\n`,
    );
    note(`Written to ${await writeResult(outcomes)}`);
    process.exitCode = outcomes.some(({ shortfalls }) => shortfalls.length > 0) ? 1 : 0;
  } finally {
    for (const subject of subjects) await subject.close();
    if (!values.keep) for (const size of sizes) await dropSubject(serverUrl, size);
  }
}

await main();
