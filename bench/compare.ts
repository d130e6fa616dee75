import type { Measurement } from './load.ts';
import { each, type ProcessorTime } from './processor-time.ts';

/** The median of several ratios, with the smallest and the largest. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

const figures = ['perSecond', 'p50', 'p99'] as const satisfies readonly (keyof Measurement)[];
type Figure = (typeof figures)[number];

/** The cost of one request; undefined if the kernel or the database does not report it. */
export interface Cost {
  /** Duration in milliseconds. */
  readonly processor: ProcessorTime | undefined;
  /** Statements sent to the database, including `BEGIN` and `COMMIT`. */
  readonly statements: number | undefined;
}

/** The throughput of one side, and the cost of each request. */
export interface Costed extends Measurement {
  readonly cost: Cost;
}

interface Pair {
  readonly floor: Costed;
  readonly service: Costed;
}

/** Floor and service, measured alternately, so that a slow machine slows both. */
export interface Comparison {
  readonly floor: Readonly<Record<Figure, number>>;
  readonly service: Readonly<Record<Figure, number>>;
  /** Ratio of service to floor for each pair. */
  readonly ratios: Readonly<Record<Figure, Spread>>;
  readonly costs: { readonly floor: Cost; readonly service: Cost };
  readonly pairs: readonly Pair[];
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

function perFigure<Value>(of: (figure: Figure) => Value): Record<Figure, Value> {
  return Object.fromEntries(figures.map((figure) => [figure, of(figure)])) as Record<Figure, Value>;
}

const medianOf = (values: readonly number[]): number => spread(values).median;

function medianCost(costs: readonly Cost[]): Cost {
  const times = costs.flatMap(({ processor }) => processor ?? []);
  const statements = costs.flatMap((cost) => cost.statements ?? []);
  return {
    processor: times.length > 0 ? each((part) => medianOf(times.map((time) => time[part]))) : undefined,
    statements: statements.length > 0 ? medianOf(statements) : undefined,
  };
}

/** Warms both up, then measures them alternately. */
export async function compare(
  count: number,
  floor: () => Promise<Costed>,
  service: () => Promise<Costed>,
): Promise<Comparison> {
  const pairs: Pair[] = [];
  await floor();
  await service();
  for (let pair = 0; pair < count; pair += 1) pairs.push({ floor: await floor(), service: await service() });
  return {
    floor: perFigure((figure) => medianOf(pairs.map((pair) => pair.floor[figure]))),
    service: perFigure((figure) => medianOf(pairs.map((pair) => pair.service[figure]))),
    ratios: perFigure((figure) => spread(pairs.map((pair) => pair.service[figure] / pair.floor[figure]))),
    costs: {
      floor: medianCost(pairs.map((pair) => pair.floor.cost)),
      service: medianCost(pairs.map((pair) => pair.service.cost)),
    },
    pairs,
  };
}
