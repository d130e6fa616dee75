import { setTimeout as delay } from 'node:timers/promises';
import { type Spread, spread } from './compare.ts';
import type { Running } from './processes.ts';

/** The cost of a start, and of an idle service. */
export interface Start {
  /** Time from spawn to the first 200 of `/readyz`. */
  readonly readyMs: number;
  /** CPU time of the whole process until then. */
  readonly processorMs: number;
  /** Resident memory some time later. */
  readonly idleMebibytes: number;
}

export const startFigures = ['readyMs', 'processorMs', 'idleMebibytes'] as const satisfies readonly (keyof Start)[];

/** Starts the service and the bare framework with the same driver, alternately. */
export interface Starts {
  readonly bare: Start;
  readonly service: Start;
  /** Ratio of service to bare framework for each pair. */
  readonly ratios: Readonly<Record<keyof Start, Spread>>;
  readonly pairs: readonly { readonly bare: Start; readonly service: Start }[];
}

const idleMs = 5_000;

function perFigure<Value>(of: (figure: keyof Start) => Value): Record<keyof Start, Value> {
  return Object.fromEntries(startFigures.map((figure) => [figure, of(figure)])) as Record<keyof Start, Value>;
}

async function measureStart(start: () => Promise<Running>): Promise<Start> {
  const running = await start();
  try {
    const { readyMs, processorMs } = running;
    await delay(idleMs);
    return { readyMs, processorMs, idleMebibytes: running.memory() };
  } finally {
    await running.stop();
  }
}

/** @param count pairs of starts; an earlier start has read the files of both sides from disk */
export async function measureStarts(
  count: number,
  bare: () => Promise<Running>,
  service: () => Promise<Running>,
): Promise<Starts> {
  const pairs: { bare: Start; service: Start }[] = [];
  await bare().then((running) => running.stop());
  for (let pair = 0; pair < count; pair += 1) {
    pairs.push({ bare: await measureStart(bare), service: await measureStart(service) });
  }
  return {
    bare: perFigure((figure) => spread(pairs.map((pair) => pair.bare[figure])).median),
    service: perFigure((figure) => spread(pairs.map((pair) => pair.service[figure])).median),
    ratios: perFigure((figure) => spread(pairs.map((pair) => pair.service[figure] / pair.bare[figure]))),
    pairs,
  };
}
