import { createServer, type Server } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import cluster from 'node:cluster';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { AddressInfo } from 'node:net';
import type { Log } from '../db/db.ts';
import { listening } from '../listening.ts';
import { answerSupervisor } from './worker-metrics.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The metrics of this app. */
    metrics: Metrics;
  }
}

/** The metrics of one app and of its process. */
export interface Metrics {
  readonly contentType: string;
  /** All metrics in the text format of Prometheus. */
  text(): Promise<string>;
}

/** Includes buckets below a millisecond, because reading one row takes less. */
const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Replaces paths without a route: callers choose them, so their number is unlimited. */
const noRoute = 'none';

let processRegistry: Registry | undefined;

/** Once per process, because each collection keeps observers of the event loop and the garbage collector running. */
function processMetrics(): Registry {
  if (processRegistry) return processRegistry;
  processRegistry = new Registry();
  collectDefaultMetrics({ register: processRegistry });
  return processRegistry;
}

/** Adds measurements to the metrics of the app. */
export type AddMeasurements = (registry: Registry) => void;

/** Measures every response of the app by method, route pattern and status. @param more further measurements */
export function installMetrics(app: FastifyInstance, more: readonly AddMeasurements[] = []): void {
  const registry = new Registry();
  for (const add of more) add(registry);
  const durations = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its response.',
    labelNames: ['method', 'route', 'status'],
    buckets,
    registers: [registry],
  });
  if (cluster.isWorker) answerSupervisor([processMetrics(), registry]);
  const all = Registry.merge([processMetrics(), registry]);
  app.decorate('metrics', { contentType: all.contentType, text: () => all.metrics() });
  app.addHook('onResponse', (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
    const labels = { method: request.method, route: request.routeOptions.url ?? noRoute, status: reply.statusCode };
    durations.observe(labels, reply.elapsedTime / 1000);
    done();
  });
}

/**
 * Serves the metrics at `/metrics` on a separate port, which the operator keeps private.
 *
 * @returns the listening server; close it with the app
 * @throws ConfigError if the port cannot be opened
 */
export async function startMetricsListener(
  metrics: Metrics,
  options: { host: string; port: number },
  log: Log,
): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics' || request.method !== 'GET') return void response.writeHead(404).end();
    metrics.text().then(
      (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  const begun = new Promise<Server>((resolve, reject) => {
    server.once('error', reject).listen(options.port, options.host, () => resolve(server));
  });
  await listening({ variable: 'METRICS_PORT', ...options }, begun);
  const { address, port } = server.address() as AddressInfo;
  log('info', 'metrics are served', { address, port });
  return server;
}
