import autocannon, { type Options, type Request } from 'autocannon';

/** One request; a load alternates between many of them. */
export type { Request } from 'autocannon';

export interface LoadOptions {
  readonly url: string;
  readonly requests: readonly Request[];
  readonly connections: number;
  readonly seconds: number;
  /** Requests per second in all; if absent, as many as are answered. */
  readonly rate?: number;
}

/** The result of a load. Times are in milliseconds. */
export interface Measurement {
  readonly answers: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

export interface LoadResult extends Measurement {
  /** Number of responses by status. */
  readonly statuses: Readonly<Record<number, number>>;
  readonly errors: number;
  /** Response times of one status. */
  timesOf(status: number): Measurement;
}

function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export function summarize(times: readonly number[], seconds: number): Measurement {
  const sorted = times.toSorted((a, b) => a - b);
  return {
    answers: times.length,
    perSecond: times.length / seconds,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
  };
}

/** Every connection has separate requests. Otherwise all would write the same row at the same time. */
function share(requests: readonly Request[], connection: number, connections: number): Request[] {
  const own = requests.filter(
    (_, index) => index % connections === connection % Math.min(connections, requests.length),
  );
  return own.length > 0 ? own : [...requests];
}

/** Runs the load driver to its end. Its percentiles are rounded to milliseconds, so every time is recorded here. */
function drive(options: Options, answered: (status: number, time: number) => void, failed: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const instance = autocannon(options, (error: Error | null) => (error ? reject(error) : resolve()));
    instance.on('response', (_client, status, _bytes, time) => answered(status, time));
    instance.on('reqError', failed);
  });
}

/** Generates a load and counts the responses. */
export async function load({ url, requests, connections, seconds, rate }: LoadOptions): Promise<LoadResult> {
  const times = new Map<number, number[]>();
  let next = 0;
  let errors = 0;
  const options: Options = {
    url,
    connections,
    duration: seconds,
    requests: requests.slice(0, 1),
    ...(rate !== undefined && { overallRate: rate, ignoreCoordinatedOmission: true }),
    setupClient: (client) => client.setRequests(share(requests, next++, connections)),
  };
  const start = performance.now();
  const answered = (status: number, time: number) => {
    const known = times.get(status);
    if (known) known.push(time);
    else times.set(status, [time]);
  };
  await drive(options, answered, () => (errors += 1));
  const elapsed = (performance.now() - start) / 1000;
  return {
    ...summarize([...times.values()].flat(), elapsed),
    statuses: Object.fromEntries([...times].map(([status, list]) => [status, list.length])),
    errors,
    timesOf: (status) => summarize(times.get(status) ?? [], elapsed),
  };
}

/** A load in which every response must be a success, because fast refusals are not throughput. */
export async function measure(options: LoadOptions): Promise<Measurement> {
  const result = await load(options);
  const refused = Object.keys(result.statuses).filter((status) => !status.startsWith('2'));
  if (refused.length > 0 || result.errors > 0 || result.perSecond === 0) {
    throw new Error(`${options.url}: ${JSON.stringify(result.statuses)}, ${result.errors} errors`);
  }
  return result;
}
