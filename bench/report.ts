import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { alikeLines, type Likeness } from './alike.ts';
import type { Comparison, Cost, Spread } from './compare.ts';
import type { Options } from './options.ts';
import { type Conditions, conditionLines } from './conditions.ts';
import type { ProcessorTime } from './processor-time.ts';
import { type Scenario, scenarios } from './scenarios.ts';
import { counts, hashParameters } from './seed.ts';
import { startFigures, type Starts } from './starts.ts';
import type { Storm } from './storm.ts';

/** All results of a run. */
export interface Report {
  readonly options: Options;
  readonly conditions: Conditions;
  /** The first start, which created the schema, the app and its admin. */
  readonly firstStartMs: number;
  readonly starts: Starts | undefined;
  readonly comparisons: Readonly<Record<string, Comparison>>;
  readonly storm: Storm | undefined;
  readonly likeness: readonly Likeness[];
}

const fixed = (value: number, digits = 1): string => (Number.isNaN(value) ? '–' : value.toFixed(digits));
const ratio = ({ median, min, max }: Spread): string => `${fixed(median, 2)} (${fixed(min, 2)}–${fixed(max, 2)})`;

function row({ name, aim }: Scenario, { floor, service, ratios }: Comparison): string[] {
  const throughput = [fixed(service.perSecond, 0), fixed(floor.perSecond, 0), ratio(ratios.perSecond), fixed(aim, 2)];
  const p50 = [fixed(service.p50), fixed(floor.p50), ratio(ratios.p50)];
  const p99 = [fixed(service.p99), fixed(floor.p99), ratio(ratios.p99)];
  return [name, ...throughput, ...p50, ...p99];
}

const head = ['scenario', '/s', 'floor', 'ratio', 'aim', 'p50 ms', 'floor', 'ratio', 'p99 ms', 'floor', 'ratio'];

/** A Markdown table that is also readable in a terminal. */
function table(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  const lines = rows.map((cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`);
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  return lines;
}

function tableOf(comparisons: Report['comparisons'], heading: string[], rowOf: typeof row): string[] {
  const rows = scenarios.flatMap((scenario) => {
    const comparison = comparisons[scenario.name];
    return comparison ? [rowOf(scenario, comparison)] : [];
  });
  return rows.length > 0 ? [...table([heading, ...rows]), ''] : [];
}

const costHead = ['of one request', 'statements', 'floor', 'event loop', 'floor']
  .concat(['other threads', 'floor', 'PostgreSQL', 'floor', 'load', 'floor'])
  .map((cell, column) => (column > 2 && cell !== 'floor' ? `${cell} ms` : cell))
  .concat(['ratio by loop', 'by all']);

/**
 * The ratio of throughputs that CPU time alone would allow: by the event loops if every process has its own core, by
 * the total if the processes share the cores.
 */
function boundsOf({ floor, service }: Comparison['costs']): [loop: number, all: number] {
  const over = (figure: (time: ProcessorTime) => number) =>
    floor.processor && service.processor ? figure(floor.processor) / figure(service.processor) : Number.NaN;
  return [over((time) => time['event loop']), over((time) => Object.values(time).reduce((sum, part) => sum + part, 0))];
}

/** Statements, and milliseconds of CPU time of all processes that take part in one request. */
function costRow({ name }: Scenario, { costs }: Comparison): string[] {
  const both = (figure: (cost: Cost) => number | undefined) =>
    [costs.service, costs.floor].map((cost) => fixed(figure(cost) ?? Number.NaN, 3));
  return [
    name,
    ...both(({ statements }) => statements),
    ...both(({ processor }) => processor?.['event loop']),
    ...both(({ processor }) => processor && processor.hashing + processor.runtime),
    ...both(({ processor }) => processor?.PostgreSQL),
    ...both(({ processor }) => processor?.load),
    ...boundsOf(costs).map((bound) => fixed(bound, 2)),
  ];
}

function stormLines({ offeredPerSecond, accepted, refused, usersMeCalm, usersMeInStorm }: Storm): string[] {
  return [
    `Storm: ${offeredPerSecond} sign-ins/s offered, ${fixed(accepted.perSecond)}/s accepted (p50 ` +
      `${fixed(accepted.p50)} ms),`,
    `  ${fixed(refused.perSecond)}/s refused with 503 (p50 ${fixed(refused.p50)} ms, p99 ${fixed(refused.p99)} ms);`,
    `GET users/me: p50 ${fixed(usersMeCalm.p50)}, p99 ${fixed(usersMeCalm.p99)} ms without the storm,`,
    `  p50 ${fixed(usersMeInStorm.p50)}, p99 ${fixed(usersMeInStorm.p99)} ms in the storm`,
  ];
}

const startWords = { readyMs: 'ms until ready', processorMs: 'ms of CPU time until ready', idleMebibytes: 'MiB idle' };

function startTable({ bare, service, ratios }: Starts): string[] {
  const rows = startFigures.map((figure) => [
    startWords[figure],
    fixed(service[figure], 0),
    fixed(bare[figure], 0),
    ratio(ratios[figure]),
  ]);
  return [...table([['start', 'service', 'bare framework', 'ratio'], ...rows]), ''];
}

export function printReport(report: Report): void {
  const lines = [
    ...tableOf(report.comparisons, head, row),
    ...tableOf(report.comparisons, costHead, costRow),
    ...(report.storm ? stormLines(report.storm) : []),
    ...(report.likeness.length > 0 ? alikeLines(report.likeness) : []),
    ...(report.starts ? startTable(report.starts) : []),
    `Ready after ${fixed(report.firstStartMs, 0)} ms at the first start`,
    '',
    'Ratios of this run. Compare them only with those of a run under the same conditions:',
    ...table(conditionLines(report.options, report.conditions)),
  ];
  process.stdout.write(`\n${lines.join('\n')}\n`);
}

/** @returns the path of the report */
export async function writeReport(report: Report): Promise<string> {
  const { databaseUrl: _secret, server: _path, ...options } = report.options;
  const time = new Date().toISOString();
  const directory = fileURLToPath(new URL('results/', import.meta.url));
  await mkdir(directory, { recursive: true });
  const file = `${directory}${time.replaceAll(':', '-')}-${options.engine}.json`;
  const content = { time, hashParameters, counts, ...report, options };
  await writeFile(file, `${JSON.stringify(content, undefined, 2)}\n`);
  return file;
}
