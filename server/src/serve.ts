import cluster from 'node:cluster';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.ts';
import { bootstrap } from './bootstrap.ts';
import { appsMatchingByOrigin, nameOfFirstAppWithPages } from './apps/apps.store.ts';
import { backgroundTasks } from './background-tasks.ts';
import { type ReportFailure, startBackground } from './background.ts';
import type { Config } from './config.ts';
import type { Deployment } from './deployment.ts';
import { listening } from './listening.ts';
import type { ServiceLog } from './log.ts';
import { clockMeasurements } from './platform/clock-measurements.ts';
import { startMetricsListener } from './platform/metrics.ts';
import type { Phase, Services } from './calls/services.ts';
import { startSecondListener } from './second-listener.ts';
import { onStopSignal, readyMessage } from './signals.ts';
import { announceFirstApp, printAddresses } from './terminal.ts';
import { readVersion } from './version.ts';

/** How long requests in progress may take after a stop signal, in milliseconds. */
const drainMs = 10_000;
/** The part of this time that remains for a response after the last password hash has begun. */
const answerMs = 2_000;
/** How long a server may take to close its sessions, in milliseconds. */
const closeMs = 5_000;
const sweepEveryMs = 50;

/** Apps from before the exact matching of redirect URLs are less safe until their setting is changed. */
async function warnOfRedirectMatching({ db }: Services, log: FastifyInstance['log']): Promise<void> {
  const { total, names } = await appsMatchingByOrigin(db);
  if (total === 0) return;
  log.warn(
    { apps: names, total },
    'redirectMatching is "origin" in these apps: bare origins in redirectUrls apply to all callers; see the guide ' +
      'on settings',
  );
}

/** Summary of a start for the log. */
function describeStart({ workers }: Config, { db, databaseVersion, migrated }: Deployment, isAppCreated: boolean) {
  return {
    version: readVersion(),
    database: `${db.engine} ${databaseVersion}`,
    migrationsApplied: migrated,
    workers,
    firstApp: isAppCreated ? 'created' : 'present',
  };
}

type Stop = () => Promise<void>;

/** Waits for `work`, but at most for this time. */
const atMost = (milliseconds: number, work: Promise<unknown>) => Promise.race([work, delay(milliseconds)]);

/**
 * Stops accepting connections, lets requests in progress finish, and closes connections that are idle or take too long.
 */
async function drain(app: FastifyInstance, stopSecond: Stop, open: ReadonlySet<Socket>): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), drainMs);
  const sweep = setInterval(() => {
    app.server.closeIdleConnections();
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
  }, sweepEveryMs);
  await Promise.all([app.close(), stopSecond()]).finally(() => {
    clearTimeout(cut);
    clearInterval(sweep);
  });
}

/** The open connections of a server. */
function trackConnections(app: FastifyInstance): ReadonlySet<Socket> {
  const open = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return open;
}

/** Serves the API in this process until a stop signal. */
export async function serve(config: Config, deployment: Deployment, log: ServiceLog): Promise<void> {
  const { db, lookupDb, ids, clock, sealer, close } = deployment;
  let phase: Phase = 'starting';
  const { app, services } = await buildApp({
    config,
    db,
    lookupDb,
    ids,
    sealer,
    clock,
    measurements: [clockMeasurements(clock)],
    phase: () => phase,
    logger: log.options,
    log: log.write,
  });
  if (db.engine === 'embedded') {
    app.log.warn(
      'the embedded database survives a crash of the process, but not a power failure; use DATABASE_URL in production',
    );
  }
  const connections = trackConnections(app);
  if (!config.developmentFeatures && config.smtpUrl === undefined) {
    app.log.warn(
      'SMTP_URL is not set, so no mails are sent: they wait in the outbox for 30 days; see the operating guide',
    );
  }
  const { host, secondHost, port, metricsPort } = config;
  await listening({ variable: 'PORT', host, port }, app.listen({ host, port }));
  const bound = app.server.address() as AddressInfo;
  const stopSecond = secondHost
    ? await startSecondListener(app.server, { host: secondHost, port: bound.port })
    : () => Promise.resolve();
  const hasOwnListener = metricsPort !== undefined && !cluster.isWorker;
  const metricsServer = hasOwnListener
    ? await startMetricsListener(app.metrics, { host, port: metricsPort }, log.write)
    : undefined;
  // The app is created after the listeners have started. Otherwise, an unusable port would lose the password, which is
  // printed only once.
  const first = await bootstrap(services);
  if (first) announceFirstApp(first);
  await warnOfRedirectMatching(services, app.log);
  const reportFailure: ReportFailure = (error, task) =>
    app.log.error({ err: error, task }, 'a background task failed and will be retried');
  const background = startBackground(services, reportFailure, backgroundTasks);
  onStopSignal(log, async () => {
    phase = 'stopping';
    await delay(config.stopDelaySeconds * 1000);
    metricsServer?.close();
    services.passwords.closeWithin(drainMs - answerMs);
    await Promise.all([drain(app, stopSecond, connections), atMost(drainMs, background.stop())]);
    // A database server that does not respond must not keep the process alive: it ends the sessions and the lease by
    // itself.
    await (db.engine === 'embedded' ? close() : atMost(closeMs, close()));
  });
  // Installed before the service reports that it is ready, because a signal may follow immediately.
  phase = 'ready';
  app.log.info(describeStart(config, deployment, first !== undefined), 'the service is ready');
  if (cluster.isWorker) process.send?.(readyMessage);
  if (!cluster.isWorker || cluster.worker?.id === 1) {
    log.flush();
    if (process.stdout.isTTY) printAddresses(config, bound.port, await nameOfFirstAppWithPages(db));
  }
}
