import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { AggregatorRegistry } from 'prom-client';
import type { Config } from './config.ts';
import { startMetricsListener } from './platform/metrics.ts';
import { onStopSignal, readyMessage } from './signals.ts';

/** A worker that dies sooner than this after its start is not started again at once. */
const shortLifeMs = 5000;

/** Keeps as many processes as configured; they share the port and the database, and nothing else. */
export async function superviseWorkers(config: Config): Promise<void> {
  let isStopping = false;
  const fork = (): Worker => {
    const startedAt = Date.now();
    return cluster.fork().once('exit', () => {
      setTimeout(() => isStopping || fork(), Date.now() - startedAt < shortLifeMs ? shortLifeMs : 0);
    });
  };
  // The first one alone migrates and makes the first app; what is wrong then is wrong for all.
  const first = fork();
  await Promise.race([untilReady(first), once(first, 'exit')]);
  if (first.isDead()) process.exit(1);
  for (let count = 1; count < config.workers; count += 1) fork();
  const metricsServer =
    config.metricsPort === undefined ? undefined : await listenForMetrics(config, config.metricsPort);
  onStopSignal(async () => {
    isStopping = true;
    metricsServer?.close();
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    const exits = workers.map((worker) => once(worker, 'exit'));
    for (const worker of workers) worker.process.kill('SIGTERM');
    await Promise.all(exits);
  });
}

/** A worker listens before it is ready, and what keeps the service from starting can come to light in between. */
function untilReady(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    worker.on('message', (message: unknown) => message === readyMessage && resolve());
  });
}

/** The sum over all workers. */
function listenForMetrics(config: Config, port: number) {
  const aggregator = new AggregatorRegistry();
  const metrics = { contentType: aggregator.contentType, text: () => aggregator.clusterMetrics() };
  return startMetricsListener(metrics, { host: config.host, port });
}
