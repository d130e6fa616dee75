import { z } from 'zod';
import { isCurrent, type Migration, readMigrations } from '../db/migrate.ts';
import { publicAccess } from '../access/access.ts';
import { bearerToken } from '../http/credential.ts';
import { ApiError } from '../http/errors.ts';
import { type Call, route } from '../calls/route.ts';
import { constantTimeEqual, sha256 } from '../keys/secrets.ts';
import type { Services } from '../calls/services.ts';
import { isReadOnly } from './database-measurements.ts';
import { anyQuery } from '../http/any-query.ts';

const healthy = z
  .object({ status: z.literal('ok').meta({ description: 'Always `ok`.', examples: ['ok'] }) })
  .meta({ id: 'Health', description: 'The process responds.' });

const ready = z
  .object({ status: z.literal('ready').meta({ description: 'Always `ready`.', examples: ['ready'] }) })
  .meta({ id: 'Readiness', description: 'The service is ready.' });

let migrations: readonly Migration[] | undefined;

/**
 * All database faults get the same response, because the reaction is the same: route traffic elsewhere and check again.
 */
async function checkReady({ lookupDb: db, databaseFailures, phase }: Services): Promise<void> {
  const now = phase();
  if (now !== 'ready') throw new ApiError('overloaded', { detail: `The service is ${now}.` });
  if (databaseFailures.isStorageFull) throw new ApiError('storage_full');
  migrations ??= readMigrations();
  const current = await isCurrent(db, migrations).catch((cause: unknown) => {
    throw new ApiError('database_unavailable', { cause });
  });
  if (!current)
    throw new ApiError('database_unavailable', {
      detail: 'The database schema is older than this version of the service.',
    });
  if (await isReadOnly(db)) throw new ApiError('database_unavailable', { detail: 'The database is read-only.' });
}

/**
 * With `METRICS_TOKEN`, the token is required. Without it, metrics are served here only in development, and only if
 * they have no separate port.
 */
function checkMetricsAccess({ services: { config }, request }: Call): void {
  if (config.metricsToken !== undefined) {
    const presented = sha256(bearerToken(request) ?? '');
    if (constantTimeEqual(presented, sha256(config.metricsToken))) return;
    throw new ApiError('unauthenticated');
  }
  if (!config.developmentFeatures || config.metricsPort !== undefined) throw new ApiError('route_not_found');
}

async function sendMetrics(call: Call): Promise<void> {
  checkMetricsAccess(call);
  const { metrics } = call.request.server;
  await call.reply.type(metrics.contentType).send(await metrics.text());
}

export const healthRoutes = [
  route({
    method: 'GET',
    url: '/healthz',
    operationId: 'getHealth',
    tag: 'platform',
    summary: 'Liveness probe',
    description: 'Returns 200 as long as the process responds. Checks nothing else.',
    access: publicAccess({ app: 'none' }),
    query: anyQuery,
    response: { status: 200, description: 'The process responds.', body: healthy },
    handler: () => ({ status: 'ok' as const }),
  }),

  route({
    method: 'GET',
    url: '/readyz',
    operationId: 'getReadiness',
    tag: 'platform',
    summary: 'Readiness probe',
    description:
      'Returns 200 if the service has started and is not stopping, and the database is reachable, migrated and ' +
      'writable. Otherwise returns 503. Also returns 503 for 30 seconds after a change failed because the disk of ' +
      'the database was full.',
    access: publicAccess({ app: 'none' }),
    query: anyQuery,
    response: { status: 200, description: 'The service is ready.', body: ready },
    handler: async ({ services }) => {
      await checkReady(services);
      return { status: 'ready' as const };
    },
  }),

  route({
    method: 'GET',
    url: '/metrics',
    operationId: 'getMetrics',
    tag: 'platform',
    summary: 'Metrics',
    description: 'Metrics for Prometheus: with the metrics token, or without one in development.',
    access: publicAccess({ app: 'none' }),
    query: anyQuery,
    response: { status: 200, description: 'The metrics in the text format of Prometheus.' },
    errors: ['unauthenticated', 'route_not_found'],
    hidden: true,
    handler: sendMetrics,
  }),
];
