import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Config } from './config.ts';
import type { ServiceLog } from './log.ts';
import { startMetricsListener } from './platform/metrics.ts';
import { metricsOfWorkers } from './platform/worker-metrics.ts';
import { onStopSignal, readyMessage } from './signals.ts';

/** A worker that ends within this time after its start is restarted after a pause. */
const shortLifeMs = 5000;

/** Keeps the configured number of processes running. They share only the port and the database. */
export async function superviseWorkers(config: Config, log: ServiceLog): Promise<void> {
  const { host, metricsPort, workers: count } = config;
  let isStopping = false;
  let isStarting = true;
  const fork = (): Worker => {
    const startedAt = performance.now();
    return cluster.fork().once('exit', function (this: Worker, code: number | null, signal: string | null) {
      if (isStopping || isStarting) return;
      const details = { worker: this.process.pid, code, signal };
      log.write('error', 'A worker ended unexpectedly; another one is started', details);
      setTimeout(() => isStopping || fork(), performance.now() - startedAt < shortLifeMs ? shortLifeMs : 0);
    });
  };
  let metricsServer: Server | undefined;
  // Registered before the first worker starts, because a signal to this process alone must not leave workers behind.
  onStopSignal(log, async () => {
    isStopping = true;
    metricsServer?.close();
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    const exits = workers.map((worker) => once(worker, 'exit'));
    for (const worker of workers) worker.process.kill('SIGTERM');
    await Promise.all(exits);
  });
  // Started before the workers, so that metrics are available during the start, and a port in use ends the start.
  if (metricsPort !== undefined)
    metricsServer = await startMetricsListener(metricsOfWorkers(count), { host, port: metricsPort }, log.write);
  if (isStopping) return;
  // Only the first worker migrates and creates the first app. Its errors would affect all workers.
  const first = fork();
  await Promise.race([untilReady(first), once(first, 'exit')]);
  if (isStopping) return;
  if (first.isDead()) process.exit(1);
  isStarting = false;
  for (let started = 1; started < count; started += 1) fork();
}

/** A worker listens before it is ready, and a problem that prevents the start can appear in between. */
function untilReady(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    worker.on('message', (message: unknown) => message === readyMessage && resolve());
  });
}
