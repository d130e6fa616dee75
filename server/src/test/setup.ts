import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { type AppDependencies, buildApp } from '../app.ts';
import { loadConfig } from '../config.ts';
import { DatabaseClock } from '../database-clock.ts';
import type { Db, Log } from '../db/db.ts';
import type { Route } from '../calls/route.ts';
import { createIdSource } from '../ids.ts';
import { checkMasterKey } from '../keys/master-key-check.ts';
import { createSealer } from '../keys/seal.ts';
import type { Services } from '../calls/services.ts';
import { clockMeasurements } from '../platform/clock-measurements.ts';
import { createPasswordHasher } from '../passwords/password-hash.ts';
import { createTestClock, type TestClock } from './clock.ts';
import { openTestDatabase } from './database.ts';

export interface TestApp {
  readonly app: FastifyInstance;
  readonly services: Services;
  readonly clock: TestClock;
  readonly db: Db;
  close(): Promise<void>;
}

export const platformKey = 'platform-key-of-the-tests-0123456789';

/** The master key of the tests; `MASTER_KEY` in `env` sets another. */
export const masterKey = createHash('sha256').update('master key of the tests').digest();

/** Cheap hashing, because the cost of a hash does not matter in tests. */
const cheapParameters = { memoryCost: 64, timeCost: 1, parallelism: 1 };

/**
 * The same app as in production, on a separate database.
 *
 * @param options.env variables that differ from the tests' environment
 */
export async function buildTestApp(
  options: {
    env?: Record<string, string>;
    routes?: readonly Route[];
    db?: Db;
    lookupDb?: Db;
    clock?: TestClock;
    logger?: AppDependencies['logger'];
    log?: Log;
    outbound?: AppDependencies['outbound'];
  } = {},
): Promise<TestApp> {
  const config = loadConfig({
    NODE_ENV: 'test',
    PUBLIC_URL: 'http://127.0.0.1:3000',
    PLATFORM_KEY: platformKey,
    ...options.env,
  });
  const db = options.db ?? (await openTestDatabase());
  const sealer = createSealer({ current: config.masterKey ?? masterKey, old: config.masterKeysOld });
  await checkMasterKey(db, sealer);
  const clock = options.clock ?? createTestClock();
  const { app, services } = await buildApp({
    config,
    db,
    clock,
    sealer,
    ids: createIdSource({ node: 1 }),
    passwords: createPasswordHasher({ concurrency: 2, parameters: cheapParameters }),
    logger: options.logger ?? (process.env['TEST_LOG'] ? { level: process.env['TEST_LOG'] } : false),
    measurements: [clockMeasurements(new DatabaseClock())],
    ...(options.log && { log: options.log }),
    ...(options.routes && { routes: options.routes }),
    ...(options.lookupDb && { lookupDb: options.lookupDb }),
    ...(options.outbound && { outbound: options.outbound }),
  });
  await app.ready();
  return { app, services, clock, db, close: () => app.close().then(() => db.close()) };
}
