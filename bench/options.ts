import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export const engines = ['postgresql', 'embedded'] as const;
export type Engine = (typeof engines)[number];

/** Options of a run; see `usage`. */
export interface Options {
  readonly engine: Engine;
  /** A PostgreSQL server on which the run may create and drop a database. */
  readonly databaseUrl: string | undefined;
  readonly seconds: number;
  readonly pairs: number;
  readonly connections: number;
  readonly poolSize: number;
  /** Names of the parts to run; empty: all. */
  readonly only: readonly string[];
  /** The compiled server. */
  readonly server: string;
}

export const usage = `npm run bench -- [options]
  --engine postgresql|embedded   default: postgresql when BENCH_DATABASE_URL is set
  --seconds 4                    length of one measurement
  --pairs 5                      measurements of floor and service, in turns
  --connections 32               requests in flight
  --pool 10                      database connections of floor and service
  --only users-me,token          some of: users-me, patch-owner, patch-owner-statement, patch-machine, list,
                                 permissions,
                                 introspection, introspect-api-key, token, sign-in, sign-in-route, storm, alike, starts
  --server server/dist/main.js   the compiled service
BENCH_DATABASE_URL names a PostgreSQL server; the run makes the database gatehouse_bench there and drops it.`;

const flags = {
  engine: { type: 'string' },
  seconds: { type: 'string', default: '4' },
  pairs: { type: 'string', default: '5' },
  connections: { type: 'string', default: '32' },
  pool: { type: 'string', default: '10' },
  only: { type: 'string', default: '' },
  server: { type: 'string', default: fileURLToPath(new URL('../server/dist/main.js', import.meta.url)) },
  help: { type: 'boolean', default: false },
} as const;

function positive(name: string, text: string, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new Error(`--${name} must be a whole number from 1 to ${most}`);
  }
  return value;
}

function chooseEngine(asked: string | undefined, databaseUrl: string | undefined): Engine {
  const engine = engines.find((known) => known === (asked ?? (databaseUrl ? 'postgresql' : 'embedded')));
  if (engine === undefined) throw new Error(`--engine must be one of ${engines.join(', ')}`);
  if (engine === 'postgresql' && !databaseUrl) throw new Error('--engine postgresql needs BENCH_DATABASE_URL');
  return engine;
}

/** The load stays on this machine, because it saturates its target. */
function localUrl(url: string | undefined): string | undefined {
  if (!url) return undefined;
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)) {
    throw new Error('BENCH_DATABASE_URL must be on this machine');
  }
  return url;
}

/** @returns undefined if only the help was requested */
export function readOptions(args: readonly string[], env: NodeJS.ProcessEnv): Options | undefined {
  const { values } = parseArgs({ args: [...args], options: flags });
  if (values.help) return undefined;
  const databaseUrl = localUrl(env['BENCH_DATABASE_URL']);
  return {
    engine: chooseEngine(values.engine, databaseUrl),
    databaseUrl,
    seconds: positive('seconds', values.seconds, 60),
    pairs: positive('pairs', values.pairs, 50),
    connections: positive('connections', values.connections, 256),
    poolSize: positive('pool', values.pool, 100),
    only: values.only.split(',').filter((name) => name !== ''),
    server: values.server,
  };
}
