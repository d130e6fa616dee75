import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { alikeLines, type Likeness } from './alike.ts';
import type { Comparison, Spread } from './compare.ts';
import type { DatabaseFacts } from './database.ts';
import type { Options } from './options.ts';
import type { ProcessorTime } from './processor-time.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import { counts, hashParameters } from './seed.ts';
import type { Storm } from './storm.ts';

/** How fast the service is there, and what it takes to be there. */
export interface Starts {
  readonly firstStartMs: number;
  readonly warmStartMs: number;
  readonly idleMebibytes: number;
}

/** Everything a run found out. */
export interface Report {
  readonly options: Options;
  readonly facts: DatabaseFacts;
  readonly starts: Starts;
  readonly comparisons: Readonly<Record<string, Comparison>>;
  readonly storm: Storm | undefined;
  readonly likeness: readonly Likeness[];
}

const fixed = (value: number, digits = 1): string => (Number.isNaN(value) ? '–' : value.toFixed(digits));
const ratio = ({ median, min, max }: Spread): string => `${fixed(median, 2)} (${fixed(min, 2)}–${fixed(max, 2)})`;

function row({ name, aim }: Scenario, { floor, service, ratios }: Comparison): string[] {
  const throughput = [fixed(service.perSecond, 0), fixed(floor.perSecond, 0), ratio(ratios.perSecond), fixed(aim)];
  const p50 = [fixed(service.p50), fixed(floor.p50), ratio(ratios.p50)];
  const p99 = [fixed(service.p99), fixed(floor.p99), ratio(ratios.p99)];
  return [name, ...throughput, ...p50, ...p99];
}

const head = ['scenario', '/s', 'floor', 'ratio', 'aim', 'p50 ms', 'floor', 'ratio', 'p99 ms', 'floor', 'ratio'];

/** A table that is Markdown and reads well in a terminal too. */
function table(rows: readonly string[][]): string {
  const widths = head.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const lines = rows.map((cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  return lines.join('\n');
}

function comparisonTable(comparisons: Report['comparisons']): string {
  const rows = scenarios.flatMap((scenario) => {
    const comparison = comparisons[scenario.name];
    return comparison ? [row(scenario, comparison)] : [];
  });
  return table([head, ...rows]);
}

/** Of everything on the machine that has a part in one request to the service. */
function processorLines(comparisons: Report['comparisons']): string[] {
  const lines = Object.entries(comparisons).flatMap(([name, { processor }]) =>
    processor ? [`  ${name}: ${partsOf(processor)}`] : [],
  );
  return lines.length > 0 ? ['Milliseconds of processor for each request to the service:', ...lines] : [];
}

function partsOf(processor: ProcessorTime): string {
  return Object.entries(processor)
    .map(([part, milliseconds]) => `${part} ${fixed(milliseconds, 2)}`)
    .join(', ');
}

function stormLines({ offeredPerSecond, accepted, refused, usersMeCalm, usersMeInStorm }: Storm): string[] {
  return [
    `Storm: ${offeredPerSecond} sign-ins/s offered, ${fixed(accepted.perSecond)}/s let in (p50 ${fixed(accepted.p50)} ms),`,
    `  ${fixed(refused.perSecond)}/s refused with 503 (p50 ${fixed(refused.p50)} ms, p99 ${fixed(refused.p99)} ms);`,
    `  GET users/me: p50 ${fixed(usersMeCalm.p50)}, p99 ${fixed(usersMeCalm.p99)} ms calm,`,
    `  p50 ${fixed(usersMeInStorm.p50)}, p99 ${fixed(usersMeInStorm.p99)} ms in the storm`,
  ];
}

function factLines({ options, facts, starts }: Report): string[] {
  const { firstStartMs, warmStartMs, idleMebibytes } = starts;
  return [
    `Engine: ${options.engine} ${facts.version}, ${facts.size}; ${JSON.stringify(facts.settings)}`,
    `${options.pairs} pairs of ${options.seconds} s, ${options.connections} connections, pool of ${options.poolSize}`,
    `Ready after ${fixed(firstStartMs, 0)} ms (first start), ${fixed(warmStartMs, 0)} ms (later ones); idle: ${fixed(idleMebibytes, 0)} MiB`,
  ];
}

export function printReport(report: Report): void {
  const lines = [
    comparisonTable(report.comparisons),
    '',
    ...processorLines(report.comparisons),
    ...(report.storm ? stormLines(report.storm) : []),
    ...(report.likeness.length > 0 ? alikeLines(report.likeness) : []),
    ...factLines(report),
  ];
  process.stdout.write(`\n${lines.join('\n')}\n`);
}

function machine() {
  return { cores: availableParallelism(), cpu: cpus()[0]?.model ?? '', kernel: release(), node: process.version };
}

/** @returns where the report was written */
export async function writeReport(report: Report): Promise<string> {
  const { databaseUrl: _secret, server: _path, ...options } = report.options;
  const time = new Date().toISOString();
  const directory = fileURLToPath(new URL('results/', import.meta.url));
  await mkdir(directory, { recursive: true });
  const file = `${directory}${time.replaceAll(':', '-')}-${options.engine}.json`;
  const content = { time, machine: machine(), hashParameters, counts, ...report, options };
  await writeFile(file, `${JSON.stringify(content, undefined, 2)}\n`);
  return file;
}
