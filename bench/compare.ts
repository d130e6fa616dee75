import type { Measurement } from './load.ts';
import { each, type ProcessorTime } from './processor-time.ts';

/** The middle of several ratios, with the smallest and the largest. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

type Figure = keyof Measurement;
const figures = ['perSecond', 'p50', 'p99'] as const satisfies readonly Figure[];

/** What the service did, and what processor time each request took, where the kernel tells. */
export interface Costed extends Measurement {
  readonly processor: ProcessorTime | undefined;
}

/** Floor and service, measured in turns, so that whatever slows the machine slows both. */
export interface Comparison {
  readonly floor: Measurement;
  readonly service: Measurement;
  /** Service over floor, of each pair. */
  readonly ratios: Readonly<Record<Figure, Spread>>;
  /** Of one request to the service, in milliseconds. */
  readonly processor: ProcessorTime | undefined;
  readonly pairs: readonly { readonly floor: Measurement; readonly service: Costed }[];
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

function medianTime(times: readonly ProcessorTime[]): ProcessorTime | undefined {
  return times.length > 0 ? each((part) => spread(times.map((time) => time[part])).median) : undefined;
}

/** Warms both up, then measures them in turns. */
export async function compare(
  count: number,
  floor: () => Promise<Measurement>,
  service: () => Promise<Costed>,
): Promise<Comparison> {
  const pairs: { floor: Measurement; service: Costed }[] = [];
  await floor();
  await service();
  for (let pair = 0; pair < count; pair += 1) pairs.push({ floor: await floor(), service: await service() });
  return {
    floor: perFigure((figure) => spread(pairs.map((pair) => pair.floor[figure])).median),
    service: perFigure((figure) => spread(pairs.map((pair) => pair.service[figure])).median),
    ratios: perFigure((figure) => spread(pairs.map((pair) => pair.service[figure] / pair.floor[figure]))),
    processor: medianTime(pairs.flatMap((pair) => pair.service.processor ?? [])),
    pairs,
  };
}
