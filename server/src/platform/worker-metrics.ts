import cluster, { type Worker } from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import { AggregatorRegistry, Gauge, type MetricObjectWithValues, type MetricValue, type Registry } from 'prom-client';

type Report = readonly MetricObjectWithValues<MetricValue<string>>[][];

/** Message from the supervisor to a worker. */
const question = 'metrics';
/** Message of a worker once it listens for requests of the supervisor. Earlier requests would be lost. */
const announcement = 'has metrics';
/** Time to wait for the workers, in milliseconds. Longer than a worker waits for the database. */
const patienceMs = 2_000;

const isReport = (message: unknown): message is { readonly metrics: Report } =>
  typeof message === 'object' && message !== null && 'metrics' in message && Array.isArray(message.metrics);

/** Makes this worker answer when the supervisor requests its metrics. */
export function answerSupervisor(registries: readonly Registry[]): void {
  process.on('message', (message) => {
    if (message !== question) return;
    const metrics = Promise.all(registries.map((registry) => registry.getMetricsAsJSON()));
    void metrics.then((report) => process.send?.({ metrics: report }));
  });
  process.send?.(announcement);
}

/**
 * The metrics of all workers together. After two seconds, workers that have not answered are omitted;
 * `gatehouse_workers` says how many have answered.
 *
 * @param configured the configured number of workers
 */
export function metricsOfWorkers(configured: number) {
  const listening = new Set<Worker>();
  const asked = new Map<Worker, Promise<Report | undefined>>();
  cluster.on('message', (worker, message) => message === announcement && listening.add(worker));
  cluster.on('exit', (worker) => listening.delete(worker));

  /** A worker that has not answered yet is not asked again, so that requests do not accumulate. */
  const ask = (worker: Worker): Promise<Report | undefined> => {
    const open = asked.get(worker) ?? askOnce(worker).finally(() => asked.delete(worker));
    asked.set(worker, open);
    return open;
  };

  const text = async (): Promise<string> => {
    const reports: Report[] = [];
    const collect = async (worker: Worker) => {
      const report = await ask(worker);
      if (report) reports.push(report);
    };
    const enough = new AbortController();
    const patience = delay(patienceMs, undefined, { signal: enough.signal }).catch(() => {});
    await Promise.race([Promise.all([...listening].map((worker) => collect(worker))), patience]);
    enough.abort();
    return sumOf(reports, configured);
  };
  return { contentType: AggregatorRegistry.PROMETHEUS_CONTENT_TYPE, text };
}

function askOnce(worker: Worker): Promise<Report | undefined> {
  return new Promise((resolve) => {
    const end = (report: Report | undefined) => {
      worker.off('message', take).off('exit', leave);
      resolve(report);
    };
    const take = (message: unknown) => isReport(message) && end(message.metrics);
    const leave = () => end(undefined);
    worker.on('message', take).on('exit', leave);
    worker.send(question, (error) => error && leave());
  });
}

function sumOf(reports: readonly Report[], configured: number): Promise<string> {
  const sum = AggregatorRegistry.aggregate(reports.flat());
  const workers = new Gauge({
    name: 'gatehouse_workers',
    help: 'Worker processes: the configured number, and the number that has answered.',
    labelNames: ['state'],
    registers: [sum],
  });
  workers.set({ state: 'configured' }, configured);
  workers.set({ state: 'reporting' }, reports.length);
  return sum.metrics();
}
