import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { configVariables, type VariableName, type Variables, variablesSchema } from './config-variables.ts';
import { isLoopback } from './http/loopback.ts';

export { configVariables } from './config-variables.ts';

/** One problem of one variable. The message never contains the value, because the value may be a secret. */
export interface ConfigFault {
  readonly variable: string;
  readonly message: string;
}

/** The environment is invalid. `faults` lists every variable that must change. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(
      ['The configuration is not valid:', ...faults.map((fault) => `  ${fault.variable} ${fault.message}`)].join('\n'),
    );
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** The configuration of one start. */
export type Config = Readonly<ReturnType<typeof toConfig>>;

/** The environment: `process.env`, or a record in tests. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A condition between variables. Checked only if every variable that it `reads` is valid. */
interface Rule {
  readonly variable: VariableName;
  readonly reads: readonly VariableName[];
  /** The problem, or undefined. */
  fault(variables: Variables): string | undefined;
}

/** Why a start without NODE_ENV follows the rules of production, and how to try the service. */
const countsAsProduction =
  'in production, and without NODE_ENV a HOST or PUBLIC_URL that is not loopback counts as production: NODE_ENV is ' +
  'not set; for a trial on a private network set ALLOW_DEVELOPMENT_ON_NETWORK=true';

const inProduction = ({ NODE_ENV }: Variables): string => (NODE_ENV ? 'in production' : countsAsProduction);

/** Why a start that would need a development feature is refused. */
export const developmentFeaturesSentence =
  'development features exist only when NODE_ENV is not production and HOST is loopback or ' +
  'ALLOW_DEVELOPMENT_ON_NETWORK=true';

/** The variables that determine production mode and development features. */
const developmentVariables: readonly VariableName[] = [
  'NODE_ENV',
  'HOST',
  'PUBLIC_URL',
  'ALLOW_DEVELOPMENT_ON_NETWORK',
];

const rules: readonly Rule[] = [
  {
    variable: 'DATABASE_URL',
    reads: ['DATABASE_URL', 'ALLOW_EMBEDDED', ...developmentVariables],
    fault: (v) =>
      isProduction(v) && !v.DATABASE_URL && !v.ALLOW_EMBEDDED
        ? 'is required, unless ALLOW_EMBEDDED=true accepts that a power failure can damage the embedded database, ' +
          inProduction(v)
        : undefined,
  },
  {
    variable: 'PUBLIC_URL',
    reads: developmentVariables,
    fault: (v) => (isProduction(v) && !v.PUBLIC_URL ? `is required ${inProduction(v)}` : undefined),
  },
  {
    variable: 'PUBLIC_URL',
    reads: developmentVariables,
    fault: (v) =>
      isProduction(v) && v.PUBLIC_URL && !isProtected(v.PUBLIC_URL)
        ? `must be https unless its host is loopback, ${inProduction(v)}`
        : undefined,
  },
  {
    variable: 'MASTER_KEY',
    reads: ['MASTER_KEY', 'DATABASE_URL'],
    fault: (v) => (v.DATABASE_URL && !v.MASTER_KEY ? 'is required with DATABASE_URL' : undefined),
  },
  {
    variable: 'MASTER_KEY',
    reads: ['MASTER_KEY', 'DATABASE_URL', ...developmentVariables],
    fault: (v) =>
      !v.DATABASE_URL && !v.MASTER_KEY && !hasDevelopmentFeatures(v)
        ? `is required: generating one is a development feature, and ${developmentFeaturesSentence}`
        : undefined,
  },
  {
    variable: 'SMTP_URL',
    reads: ['SMTP_URL', ...developmentVariables],
    // Production may start without mail; elsewhere a missing mail server means the development mailbox.
    fault: (v) =>
      !v.SMTP_URL && !isProduction(v) && !hasDevelopmentFeatures(v)
        ? `is required: the development mailbox is a development feature, and ${developmentFeaturesSentence}`
        : undefined,
  },
  {
    variable: 'BOOTSTRAP_ADMIN_PASSWORD',
    reads: ['BOOTSTRAP_ADMIN_EMAIL', 'BOOTSTRAP_ADMIN_PASSWORD'],
    fault: (v) =>
      v.BOOTSTRAP_ADMIN_EMAIL && !v.BOOTSTRAP_ADMIN_PASSWORD ? 'is required with BOOTSTRAP_ADMIN_EMAIL' : undefined,
  },
  {
    variable: 'BOOTSTRAP_ADMIN_EMAIL',
    reads: ['BOOTSTRAP_ADMIN_EMAIL', 'BOOTSTRAP_ADMIN_PASSWORD'],
    fault: (v) =>
      v.BOOTSTRAP_ADMIN_PASSWORD && !v.BOOTSTRAP_ADMIN_EMAIL ? 'is required with BOOTSTRAP_ADMIN_PASSWORD' : undefined,
  },
  {
    variable: 'WORKERS',
    reads: ['WORKERS', 'DATABASE_URL'],
    fault: (v) => (Number(v.WORKERS) > 1 && !v.DATABASE_URL ? 'can be more than 1 only with DATABASE_URL' : undefined),
  },
  {
    variable: 'BREACHED_PASSWORDS_URL',
    reads: ['BREACHED_PASSWORDS_URL', ...developmentVariables],
    fault: (v) =>
      isProduction(v) && v.BREACHED_PASSWORDS_URL && !isProtected(v.BREACHED_PASSWORDS_URL)
        ? `must be https unless its host is loopback, ${inProduction(v)}`
        : undefined,
  },
  {
    variable: 'METRICS_PORT',
    reads: ['METRICS_PORT', 'PORT'],
    fault: (v) => (v.METRICS_PORT && v.METRICS_PORT === v.PORT ? 'must differ from PORT' : undefined),
  },
];

/**
 * Reads the configuration from an environment. An empty variable counts as unset; a secret can be given as
 * `<NAME>_FILE` instead.
 *
 * @throws ConfigError with all problems at once; the messages name variables, never values
 * @example const config = loadConfig(process.env);
 */
export function loadConfig(env: Environment): Config {
  const faults: ConfigFault[] = [];
  const texts = readTexts(env, faults);
  const variables = parseTexts(texts, faults);
  const faulty = new Set(faults.map((fault) => fault.variable));
  for (const rule of rules) {
    const message = rule.reads.some((name) => faulty.has(name)) ? undefined : rule.fault(variables);
    if (message) faults.push({ variable: rule.variable, message });
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return toConfig(variables);
}

function toConfig(v: Variables) {
  const workers = v.WORKERS === 'auto' ? automaticWorkers(v) : v.WORKERS;
  return {
    /** Address to listen on. */
    host: isLocalhost(v) ? '127.0.0.1' : v.HOST,
    /** Second address to listen on: programs resolve `localhost` to either. */
    secondHost: isLocalhost(v) ? '::1' : undefined,
    /** Port to listen on; 0 takes a free port. */
    port: v.PORT,
    /** Processes that share the port. */
    workers,
    /** Trusted proxies, counted or matched from the right of `X-Forwarded-For`; 0: no proxy is trusted. */
    trustProxy: v.TRUST_PROXY,
    /**
     * Origin under which clients reach the service, without a trailing slash. With port 0, the port is not part of it.
     */
    publicUrl: v.PUBLIC_URL ?? `http://localhost:${v.PORT}`,

    /** Whether this is a deployment for real users. */
    isProduction: isProduction(v),
    /** Whether the development mailbox, the generated key and admin, and loopback redirects are enabled. */
    developmentFeatures: hasDevelopmentFeatures(v),
    /** Development that can be reached only from this machine: HOST and PUBLIC_URL are loopback. */
    isLocalDevelopment: hasDevelopmentFeatures(v) && isOnThisMachine(v),

    /** PostgreSQL; undefined: the embedded database. */
    databaseUrl: v.DATABASE_URL,
    /** Directory of the embedded database. */
    dataDir: v.DATA_DIR,
    /** Whether to use named prepared statements. */
    databasePrepare: v.DATABASE_PREPARE,
    /** Number of connections of each process. */
    databasePoolSize: v.DATABASE_POOL_SIZE,

    /** 32 bytes; undefined: the key file in `dataDir`. */
    masterKey: v.MASTER_KEY,
    /** Earlier master keys, 32 bytes each, which can still decrypt. */
    masterKeysOld: v.MASTER_KEYS_OLD,
    /** Concurrent password hashes in each process: one more than its cores, so that no core is idle. */
    hashConcurrency: v.HASH_CONCURRENCY ?? Math.ceil(availableParallelism() / workers),

    /** Base URL of a range server of breached passwords, with a trailing slash; undefined: no checks. */
    breachedPasswordsUrl: v.BREACHED_PASSWORDS_URL,

    /** Maximum expected wait of a password until it is hashed, in seconds. */
    signInWaitSeconds: v.SIGN_IN_WAIT_SECONDS,

    /**
     * How long a process continues to serve requests after a stop signal, in seconds. `/readyz` already returns 503, so
     * that load balancers notice.
     */
    stopDelaySeconds: v.STOP_DELAY_SECONDS ?? (hasDevelopmentFeatures(v) ? 0 : 5),

    /** Name of the app to create if there is none. */
    bootstrapApp: v.BOOTSTRAP_APP,
    /** Super admin of that app. E-mail and password are both set or both undefined. */
    bootstrapAdminEmail: v.BOOTSTRAP_ADMIN_EMAIL,
    /** Password of that super admin, not yet checked against the password policy. */
    bootstrapAdminPassword: v.BOOTSTRAP_ADMIN_PASSWORD,
    /** Settings of that app, not yet checked against their schema. */
    bootstrapSettings: v.BOOTSTRAP_SETTINGS,
    /** Keys of the platform API: none, one, or two while rotating. */
    platformKeys: v.PLATFORM_KEY,

    /** Mail server; undefined: the development mailbox, or no mail at all without development features. */
    smtpUrl: v.SMTP_URL,
    /** Sender of mails. */
    mailFrom: v.MAIL_FROM,

    /** The lowest level that is logged. */
    logLevel: v.LOG_LEVEL,
    /** Whether the documentation pages are served in addition to the API. */
    servesDocumentation: v.DOCS === 'on',
    /** Bearer token for the metrics. */
    metricsToken: v.METRICS_TOKEN,
    /** Separate port for the metrics. */
    metricsPort: v.METRICS_PORT,
  };
}

/** The text of every variable that is set. Secrets are also read from their files. */
function readTexts(env: Environment, faults: ConfigFault[]): ReadonlyMap<VariableName, string> {
  const texts = new Map<VariableName, string>();
  for (const { name, secret } of configVariables) {
    const text = secret ? readSecret(env, name, faults) : env[name];
    if (text) texts.set(name, text);
  }
  return texts;
}

function readSecret(env: Environment, name: VariableName, faults: ConfigFault[]): string | undefined {
  const path = env[`${name}_FILE`];
  if (!path) return env[name];
  const fault = (message: string) => void faults.push({ variable: name, message });
  if (env[name]) return fault(`and ${name}_FILE are both set`);
  try {
    const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
    return text === '' ? fault(`is empty in the file of ${name}_FILE`) : text;
  } catch {
    return fault(`cannot be read from the file of ${name}_FILE`);
  }
}

/**
 * Validates each variable separately. An invalid variable falls back to its default, and rules that read it are
 * skipped.
 */
function parseTexts(texts: ReadonlyMap<VariableName, string>, faults: ConfigFault[]): Variables {
  const result = variablesSchema.safeParse(Object.fromEntries(texts));
  if (result.success) return result.data;
  const messages = new Map(result.error.issues.toReversed().map(({ path, message }) => [String(path[0]), message]));
  for (const [variable, message] of messages) faults.push({ variable, message });
  return variablesSchema.parse(Object.fromEntries([...texts].filter(([name]) => !messages.has(name))));
}

/**
 * Without NODE_ENV, a service that is reachable from the network runs in production mode, so that no open service runs
 * by omission.
 */
function isProduction(v: Variables): boolean {
  if (v.NODE_ENV) return v.NODE_ENV === 'production';
  return !isOnThisMachine(v) && !v.ALLOW_DEVELOPMENT_ON_NETWORK;
}

const isLocalhost = ({ HOST }: Variables): boolean => HOST.toLowerCase() === 'localhost';

function isOnThisMachine({ HOST, PUBLIC_URL }: Variables): boolean {
  return isLoopback(HOST) && (PUBLIC_URL === undefined || isLoopback(new URL(PUBLIC_URL).hostname));
}

function hasDevelopmentFeatures(v: Variables): boolean {
  return !isProduction(v) && (isLoopback(v.HOST) || v.ALLOW_DEVELOPMENT_ON_NETWORK);
}

/** The embedded database allows one process; PostgreSQL allows one for each core. */
function automaticWorkers({ DATABASE_URL }: Variables): number {
  return DATABASE_URL ? availableParallelism() : 1;
}

/** Whether the connection is encrypted or stays on this machine. Browsers call this a secure context. */
function isProtected(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || isLoopback(hostname);
}
