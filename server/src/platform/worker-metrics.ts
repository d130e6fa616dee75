import cluster, { type Worker } from 'node:cluster';
import { setTimeout as delay } from 'node:timers/promises';
import { AggregatorRegistry, Gauge, type MetricObjectWithValues, type MetricValue, type Registry } from 'prom-client';

type Report = readonly MetricObjectWithValues<MetricValue<string>>[][];

/** Message of the supervisor to a worker. */
const question = 'metrics';
/** Message of a worker when it begins to listen; earlier requests of the supervisor would be lost. */
const announcement = 'has metrics';
/** Longer than a worker waits for the database. */
const patienceMs = 2_000;

const isReport = (message: unknown): message is { readonly metrics: Report } =>
  typeof message === 'object' && message !== null && 'metrics' in message && Array.isArray(message.metrics);

/** Lets this worker answer when the supervisor asks for its metrics. */
export function answerSupervisor(registries: readonly Registry[]): void {
  process.on('message', (message) => {
    if (message !== question) return;
    const metrics = Promise.all(registries.map((registry) => registry.getMetricsAsJSON()));
    void metrics.then((report) => process.send?.({ metrics: report }));
  });
  process.send?.(announcement);
}

/**
 * The metrics of all workers together. A worker that is starting or stuck is left out after two seconds:
 * `gatehouse_workers` says how many have answered.
 *
 * @param configured how many workers there should be
 */
export function metricsOfWorkers(configured: number) {
  const listening = new Set<Worker>();
  const asked = new Map<Worker, Promise<Report | undefined>>();
  cluster.on('message', (worker, message) => message === announcement && listening.add(worker));
  cluster.on('exit', (worker) => listening.delete(worker));

  /** A worker that owes an answer is not asked again: questions would pile up. */
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
    help: 'Worker processes: how many there should be, and how many have answered.',
    labelNames: ['state'],
    registers: [sum],
  });
  workers.set({ state: 'configured' }, configured);
  workers.set({ state: 'reporting' }, reports.length);
  return sum.metrics();
}
