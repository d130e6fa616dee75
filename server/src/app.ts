import { createApiKeyUses } from './api-keys/api-key-uses.ts';
import fastify, { LogController, type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { createAppIds, originAllowedByAnyApp } from './apps/apps.store.ts';
import { namedApp } from './apps/named-app.ts';
import { DatabaseFailures } from './database-failures.ts';
import { TaskRuns } from './task-runs.ts';
import { backgroundMeasurements } from './platform/background-measurements.ts';
import { databaseMeasurements } from './platform/database-measurements.ts';
import { idMeasurements } from './platform/id-measurements.ts';
import { redirectMeasurements } from './apps/redirect-measurements.ts';
import { createSecurityEvents } from './calls/security-events.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { Db, Log } from './db/db.ts';
import { MailServerState } from './email/mail-server.ts';
import { mailMeasurements } from './email/mail-measurements.ts';
import { answerClientError, answerConnect } from './http/client-error.ts';
import { createCredentialLookups, createCredentials } from './credential-lookups.ts';
import { installCors } from './calls/cors.ts';
import { installErrorHandler, toApiError } from './calls/error-handler.ts';
import { installFormBody } from './http/form-body.ts';
import { installJsonBody } from './http/json-body.ts';
import { installNotFound } from './calls/not-found.ts';
import { createOutbound, type Outbound } from './http/outbound.ts';
import { limitPipelining } from './http/pipelining.ts';
import { registerRoutes } from './calls/register.ts';
import { requestIdOf } from './http/request-id.ts';
import { sendError } from './http/send-error.ts';
import { schemaController } from './http/response-serializer.ts';
import type { Route } from './calls/route.ts';
import { lazyRelyingParty } from './federation/relying-party.ts';
import { createIdempotency } from './idempotency/answer-once.ts';
import type { IdSource } from './ids.ts';
import type { Sealer } from './keys/seal.ts';
import { createSigningKeys } from './keys/signing-keys.ts';
import { createTokenVerifier } from './tokens/token-verifier.ts';
import { createLeasedLimit } from './limits/leased-limit.ts';
import { logAnswers } from './log.ts';
import { isForPeople, sendErrorPage } from './pages/error.page.ts';
import { pagesOf } from './pages/page-addresses.ts';
import { sendLostPage } from './platform/documentation-answers.ts';
import { type AddMeasurements, installMetrics } from './platform/metrics.ts';
import { routes as allRoutes } from './routes.ts';
import type { Phase, Services } from './calls/services.ts';
import { createBreachedPasswords } from './passwords/breached-passwords.ts';
import { hashMeasurements } from './passwords/hash-measurements.ts';
import { createPermissionChecks } from './roles/permission-checks.ts';
import { createPasswordHasher, type PasswordHasher } from './passwords/password-hash.ts';

/** Dependencies that differ between a deployment and a test. */
export interface AppDependencies {
  readonly config: Config;
  readonly db: Db;
  /** The database that authenticates callers; default: `db`. */
  readonly lookupDb?: Db;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly sealer: Sealer;
  /** Phase of the life cycle of the process. Default: ready. */
  readonly phase?: () => Phase;
  readonly passwords?: PasswordHasher;
  readonly outbound?: Outbound;
  readonly routes?: readonly Route[];
  readonly logger?: FastifyServerOptions['logger'];
  /** Metrics of the deployment in addition to those of the app. */
  readonly measurements?: readonly AddMeasurements[];
  /** The log for messages that belong to no request; default: no log. */
  readonly log?: Log;
}

/** Default headers of every response; pages that load resources set their own policy. */
function securityHeaders(publicUrl: string): Record<string, string> {
  return {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    ...(publicUrl.startsWith('https:') && { 'strict-transport-security': 'max-age=31536000; includeSubDomains' }),
  };
}

/** Trusted proxies: a number counts hops from the right of X-Forwarded-For, a list contains their addresses. */
function trustedProxies(trusted: Config['trustProxy']) {
  if (trusted === 0) return false;
  return typeof trusted === 'number' ? (_address: string, hop: number) => hop < trusted : trusted;
}

function createServices(dependencies: AppDependencies, outbound: Outbound): Services {
  const { config, db, lookupDb = db, clock, ids, sealer, log = () => {} } = dependencies;
  const signingKeys = createSigningKeys(db, sealer, 'machine');
  const oauthKeys = createSigningKeys(db, sealer, 'oauth');
  const { isProduction } = config;
  const lookups = createCredentialLookups(lookupDb, clock);
  const tokenVerifier = createTokenVerifier({ signingKeys, oauthKeys, clock, publicUrl: config.publicUrl });
  return {
    config,
    db,
    lookupDb,
    databaseFailures: new DatabaseFailures(clock),
    taskRuns: new TaskRuns(),
    log,
    mailServer: new MailServerState(),
    clock,
    ids,
    sealer,
    signingKeys,
    oauthKeys,
    securityEvents: createSecurityEvents({ db, clock, ids, sealer }),
    apps: {
      idOf: createAppIds(lookupDb),
      named: (request) => namedApp(lookupDb, request),
      someAllows: (origin) => originAllowedByAnyApp(lookupDb, origin),
    },
    lookups,
    checkPermissions: createPermissionChecks(db, clock),
    tokenVerifier,
    credentials: createCredentials({ db: lookupDb, clock, lookups, tokenVerifier }),
    relyingParty: lazyRelyingParty(async () => {
      const { createOpenidRelyingParty } = await import('./federation/openid-relying-party.ts');
      return () => createOpenidRelyingParty({ outbound, clock, isProduction });
    }),
    tokenLimit: createLeasedLimit(db, clock),
    apiKeyLimit: createLeasedLimit(db, clock),
    apiKeyUses: createApiKeyUses(),
    idempotency: createIdempotency(),
    phase: dependencies.phase ?? (() => 'ready'),
    breachedPasswords: createBreachedPasswords({ url: config.breachedPasswordsUrl, log }),
    passwords:
      dependencies.passwords ??
      createPasswordHasher({ concurrency: config.hashConcurrency, maxWaitSeconds: config.signInWaitSeconds }),
  };
}

/** The only composition root: `main.ts` and the tests use it. */
export async function buildApp(dependencies: AppDependencies): Promise<{ app: FastifyInstance; services: Services }> {
  const { config, routes = allRoutes } = dependencies;
  const outbound = dependencies.outbound ?? createOutbound({ allowsPrivate: !config.isProduction });
  const services = createServices(dependencies, outbound);
  const headers = securityHeaders(config.publicUrl);
  const app = fastify({
    logger: dependencies.logger ?? false,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 256 * 1024,
    trustProxy: trustedProxies(config.trustProxy),
    requestIdHeader: false,
    genReqId: requestIdOf,
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: false },
    return503OnClosing: false,
    requestTimeout: 30_000,
    // Node.js looks for requests that take longer only every 30 seconds by default.
    http: { connectionsCheckingInterval: 5_000 },
    schemaController,
    clientErrorHandler: answerClientError(headers, config.publicUrl),
    frameworkErrors: (error, request, reply) => {
      reply.headers(headers).headers({ 'x-request-id': request.id, vary: 'Origin' });
      sendError(toApiError(error), request, reply, config.publicUrl);
    },
  });
  app.server.on('connect', answerConnect(headers, config.publicUrl));
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers).header('x-request-id', request.id);
    done();
  });
  limitPipelining(app);
  app.addHook('onClose', () => outbound.close());
  app.addHook('onClose', () => services.breachedPasswords.close());
  installMetrics(app, [
    mailMeasurements(services),
    redirectMeasurements(services.db),
    databaseMeasurements(services),
    idMeasurements(services.ids),
    backgroundMeasurements(services.taskRuns),
    hashMeasurements(services.passwords),
    services.breachedPasswords.addTo,
    services.apiKeyUses.addTo,
    ...(dependencies.measurements ?? []),
  ]);
  logAnswers(app);
  installErrorHandler(app, services, (refusal, request, reply) => {
    if (isForPeople(request)) return sendErrorPage(services.db, refusal, request, reply);
    return refusal.code === 'route_not_found' ? sendLostPage(request, reply.code(404), config) : undefined;
  });
  installJsonBody(app);
  installFormBody(app);
  installCors(app, services, pagesOf(routes));
  registerRoutes(app, services, routes);
  installNotFound(app, routes);
  return { app, services };
}
