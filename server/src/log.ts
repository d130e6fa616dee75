import type { FastifyInstance } from 'fastify';
import { destination } from 'pino';
import { DatabaseError, type Log } from './db/db.ts';

/** What a log may hold of an error: never the values that a statement was given, nor what the driver quotes of rows. */
function describeError(error: unknown): { type: string; message: string; stack: string } & Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error, message: '', stack: '' };
  return {
    type: error.name,
    message: error.message,
    stack: error.stack ?? '',
    ...(error instanceof DatabaseError && { sqlState: error.sqlState, constraint: error.constraint }),
    ...(error.cause instanceof Error && { cause: describeError(error.cause) }),
  };
}

/** Lines are written together, at the latest after this time: a system call for each would cost every request. */
const flushEveryMs = 200;

/** The service's logger: JSON lines. No header, body, query or address of a person is ever logged. */
export const loggerOptions = (level: string) => ({
  level,
  base: { pid: process.pid },
  serializers: { err: describeError },
});

/** Standard output. A process that is killed outright can lose the lines of the last 200 ms. */
export function standardOutput() {
  const stream = destination({ fd: 1, sync: true, minLength: 4096, periodicFlush: flushEveryMs });
  process.on('exit', () => stream.flushSync());
  return stream;
}

/** One line for each answer, by route and not by path or query: those can name people. */
export function logAnswers(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    request.log.info(
      {
        method: request.method,
        route: request.routeOptions.url ?? null,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
      },
      'answered',
    );
    done();
  });
}

/** Where the database reports what nobody awaits, before there is an app with a logger. */
export const startUpLog =
  (write: (line: string) => void): Log =>
  (level, message, details) => {
    if (level !== 'info') write(`${JSON.stringify({ level, time: Date.now(), msg: message, ...describe(details) })}\n`);
  };

const describe = (details: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(details).map(([name, value]) => [name, value instanceof Error ? describeError(value) : value]),
  );
