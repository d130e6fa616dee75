import type { FastifyInstance } from 'fastify';
import { LRUCache } from 'lru-cache';
import { destination, pino } from 'pino';
import { DatabaseError, type Log } from './db/db.ts';

/** How often the stack of one cause is logged. Otherwise an outage of the database would fill the disk. */
const stackEveryMs = 60_000;
const rememberedCauses = 500;

interface ErrorFields extends Record<string, unknown> {
  readonly type: string;
  readonly message: string;
}

/** Serializes an error for the log, without parameter values and row data. */
function describeError(error: Error): ErrorFields {
  return {
    type: error.name,
    message: error.message,
    ...(error instanceof DatabaseError && { sqlState: error.sqlState, constraint: error.constraint }),
    ...(error.cause instanceof Error && { cause: describeError(error.cause) }),
  };
}

/** The stacks of an error and its causes in one text. */
function stackOf({ stack = '', cause }: Error): string {
  return cause instanceof Error ? `${stack}\nCaused by: ${stackOf(cause)}` : stack;
}

/** Errors with the same messages that were thrown at the same location have one cause. */
function causeOf(error: Error): string {
  const [, place = ''] = /^\s+at (.*)$/m.exec(error.stack ?? '') ?? [];
  const inner = error.cause instanceof Error ? causeOf(error.cause) : '';
  return `${error.name}: ${error.message} ${place}\n${inner}`;
}

/**
 * Describes errors with one stack per cause and minute. Others have an empty stack and a number: `repeats` counts the
 * errors of this cause since the last stack.
 *
 * @param now milliseconds of a monotonic clock
 */
function createErrorSerializer(now: () => number) {
  const causes = new LRUCache<string, { stackAt: number; repeats: number }>({ max: rememberedCauses });
  return (error: unknown): ErrorFields & { readonly stack: string } => {
    if (!(error instanceof Error)) return { type: typeof error, message: '', stack: '' };
    const cause = causeOf(error);
    const known = causes.get(cause);
    if (known !== undefined && now() - known.stackAt < stackEveryMs) {
      known.repeats += 1;
      return { ...describeError(error), stack: '', repeats: known.repeats };
    }
    causes.set(cause, { stackAt: now(), repeats: 0 });
    return { ...describeError(error), stack: stackOf(error), ...(known && { repeats: known.repeats }) };
  };
}

/**
 * Lines are written together, at the latest after this time, because a system call for each line would slow down every
 * request.
 */
const flushEveryMs = 200;

/** The logger of the service: JSON lines. Headers, bodies, queries and addresses of people are never logged. */
export const loggerOptions = (level: string, now: () => number = () => performance.now()) => {
  const serializer = createErrorSerializer(now);
  return { level, base: { pid: process.pid }, serializers: { err: serializer, error: serializer } };
};

/** The log of one process: JSON lines on standard output. */
export interface ServiceLog {
  /** Options for the framework, which creates its own logger. */
  readonly options: ReturnType<typeof loggerOptions> & { readonly stream: ReturnType<typeof destination> };
  /** Writes a line that belongs to no request. */
  readonly write: Log;
  /** Writes what waits. */
  readonly flush: () => void;
}

/** Opens the log of this process. If the process is killed, the lines of the last 200 ms can be lost. */
export function openLog(level: string): ServiceLog {
  const stream = destination({ fd: 1, sync: true, minLength: 4096, periodicFlush: flushEveryMs });
  const flush = () => stream.flushSync();
  process.on('exit', flush);
  const options = loggerOptions(level);
  const logger = pino(options, stream);
  return {
    options: { ...options, stream },
    write: (severity, message, details) => logger[severity](details, message),
    flush,
  };
}

/** Logs what Node.js would print on standard error: its warnings, and the error that ends the process. */
export function logProcess({ write, flush }: ServiceLog): void {
  process.removeAllListeners('warning').on('warning', (warning) => write('warn', warning.message, { err: warning }));
  process.on('uncaughtException', (error) => {
    write('error', 'An unexpected error ends this process', { err: error });
    flush();
    process.exit(1);
  });
}

/** One line for each response, with the route instead of path or query, because those can identify people. */
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
