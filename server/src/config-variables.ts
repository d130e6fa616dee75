import { z } from 'zod';
import { severalHostsFault } from './database-url.ts';
import { parseSmtpUrl } from './smtp-url.ts';
import { normalizeEmail } from './http/email-address.ts';
import { isAddressRange } from './http/address-range.ts';

/** Documentation of one environment variable. */
export interface ConfigVariable {
  readonly name: VariableName;
  readonly description: string;
  /** A secret can also be given as `<NAME>_FILE`, the path of a file that contains it. */
  readonly secret: boolean;
}

/** The environment after each variable was validated separately. */
export type Variables = z.infer<typeof variablesSchema>;

/** The name of a variable that the service reads. */
export type VariableName = keyof Variables;

const minDistinct = 10;
const weakKey =
  'must be 32 random bytes: generate them with `openssl rand -base64 32`, and keep the weak key in ' +
  'MASTER_KEYS_OLD until `operate reseal` has run';
const weakText = [
  `must have at least 32 characters, ${minDistinct} of them distinct:`,
  'generate one with `openssl rand -hex 32`',
].join(' ');

const rangeUrl = 'must be an http or https URL, without query, fragment or user';

const followPrimary =
  'the service connects to one address. Use a proxy there that follows the primary, see ' +
  'docs/guides/high-availability.md';

/** Every environment variable: accepted values, parsed type and description. */
export const variablesSchema = z.object({
  HOST: matching(/^[\w.:-]+$/, 'must be a host name or an IP address')
    .default('localhost')
    .describe('Address to listen on; localhost: 127.0.0.1 and ::1. Default localhost.'),
  PORT: integer(0, 65_535).default(3000).describe('Port to listen on; 0 takes a free port. Default 3000.'),
  NODE_ENV: z
    .enum(['production', 'development', 'test'], 'must be production, development or test')
    .optional()
    .describe(
      'production disables every development feature. Default: development if HOST and PUBLIC_URL are loopback or ' +
        'ALLOW_DEVELOPMENT_ON_NETWORK=true, otherwise production.',
    ),
  DATABASE_URL: matching(/^postgres(ql)?:\/\/./, 'must be a postgresql:// URL')
    .superRefine((url, context) => {
      const fault = severalHostsFault(url);
      if (fault) context.addIssue({ code: 'custom', message: `${fault}: ${followPrimary}` });
      else if (!URL.canParse(url)) context.addIssue({ code: 'custom', message: 'must be a postgresql:// URL' });
    })
    .optional()
    .describe('PostgreSQL 15 or newer. Unset: an embedded database under DATA_DIR.')
    .meta({ secret: true }),
  DATA_DIR: z.string().default('./data').describe('Directory of the embedded database. Default ./data.'),
  DATABASE_PREPARE: flag()
    .default(true)
    .describe('false for a PgBouncer in transaction mode that does not support prepared statements. Default true.'),
  DATABASE_POOL_SIZE: integer(1, 1000).default(10).describe('Database connections of each process. Default 10.'),
  ALLOW_EMBEDDED: flag().default(false).describe('true allows the embedded database in production. Default false.'),
  PUBLIC_URL: matching(/^https?:\/\/[^/?#@\s]+\/?$/, 'must be an http or https origin, without path, query or user')
    .refine((text) => URL.canParse(text), 'must be an http or https origin, without path, query or user')
    .transform((text) => new URL(text).origin)
    .optional()
    .describe('Origin under which clients reach the service. Required in production. Default http://localhost:<PORT>.'),
  MASTER_KEY: masterKey()
    .refine(isStrongKey, weakKey)
    .optional()
    .describe(
      '32 random bytes in base64; encrypts keys and secrets in the database. With the embedded database, it is ' +
        'generated.',
    )
    .meta({ secret: true }),
  MASTER_KEYS_OLD: list()
    .pipe(z.array(masterKey()))
    .default([])
    .describe('Earlier master keys, separated by commas, which can still decrypt.')
    .meta({ secret: true }),
  BOOTSTRAP_APP: matching(/^[a-z][a-z0-9-]{1,39}$/, 'must be 2 to 40 of a-z, 0-9 and -, beginning with a letter')
    .optional()
    .describe('Name of the app to create if there is none.'),
  BOOTSTRAP_ADMIN_EMAIL: z
    .string()
    .refine((text) => normalizeEmail(text) !== undefined, 'must be an e-mail address')
    .transform((text) => normalizeEmail(text) ?? text)
    .optional()
    .describe('E-mail address of the super admin of that app.'),
  BOOTSTRAP_ADMIN_PASSWORD: z
    .string()
    .optional()
    .describe('Password of the super admin of that app.')
    .meta({ secret: true }),
  BOOTSTRAP_SETTINGS: jsonObject().optional().describe('Settings of that app, a JSON object.'),
  PLATFORM_KEY: list()
    .refine((keys) => keys.length <= 2, 'must be one key, or two while rotating')
    .refine((keys) => keys.every(isStrongText), weakText)
    .default([])
    .describe(
      'Bearer key of the platform API, at least 32 characters, or two separated by a comma while rotating. Unset: ' +
        'no platform API.',
    )
    .meta({ secret: true }),
  SMTP_URL: z
    .string()
    .refine((text) => parseSmtpUrl(text) !== undefined, 'must be an smtp:// or smtps:// URL')
    .optional()
    .describe(
      'Mail server, smtp://user:password@host:port or smtps://…. Unset in development: the development mailbox.',
    )
    .meta({ secret: true }),
  MAIL_FROM: matching(/^[^\r\n]*[^\s@<]+@[^\s@>]+>?$/, 'must be an e-mail address, or Name <address>')
    .optional()
    .describe('Sender of mails, as address or Name <address>. Default no-reply@ the host of PUBLIC_URL.'),
  TRUST_PROXY: z
    .union(
      [integer(0, 32), list().refine((ranges) => ranges.every(isAddressRange))],
      'must be a number of hops or CIDR ranges',
    )
    .default(0)
    .describe('Trusted proxies: a number of hops, or CIDR ranges separated by commas. Default none.'),
  WORKERS: z
    .union([z.literal('auto'), integer(1, 256)], 'must be auto or a whole number from 1 to 256')
    .default(1)
    .describe('Number of processes; auto: one for each core. More than one needs DATABASE_URL. Default 1.'),
  HASH_CONCURRENCY: integer(1, 256)
    .optional()
    .describe('Threads of each process that hash passwords. Default: the number of cores, divided among WORKERS.'),
  BREACHED_PASSWORDS_URL: matching(/^https?:\/\/[^?#@\s]+$/, rangeUrl)
    .refine((text) => URL.canParse(text), rangeUrl)
    .transform((text) => new URL(text).href.replace(/\/?$/, '/'))
    .optional()
    .describe(
      'Server that knows breached passwords by the range protocol of Pwned Passwords, for example ' +
        'https://api.pwnedpasswords.com/range/. Unset: new passwords are not looked up.',
    ),
  SIGN_IN_WAIT_SECONDS: integer(1, 60)
    .default(5)
    .describe(
      'Maximum expected wait of a password until it is hashed, in seconds; beyond that the call gets 503. Default 5.',
    ),
  STOP_DELAY_SECONDS: integer(0, 120)
    .optional()
    .describe(
      'Seconds after SIGTERM during which /readyz returns 503 and all other calls are served. Default 5, in ' +
        'development 0.',
    ),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'must be a log level')
    .default('info')
    .describe('fatal, error, warn, info, debug, trace or silent. Default info.'),
  DOCS: z
    .enum(['on', 'off'], 'must be on or off')
    .default('on')
    .describe('off disables the documentation: reference, guides, error pages and llms.txt. Default on.'),
  METRICS_TOKEN: z
    .string()
    .refine(isStrongText, weakText)
    .optional()
    .describe('Bearer token for /metrics, at least 32 characters.')
    .meta({ secret: true }),
  METRICS_PORT: integer(0, 65_535).optional().describe('Separate port for /metrics.'),
  ALLOW_DEVELOPMENT_ON_NETWORK: flag()
    .default(false)
    .describe('true keeps the development features if HOST or PUBLIC_URL is not loopback. Default false.'),
});

/** Every variable with its description, in the order of the documentation. */
export const configVariables: readonly ConfigVariable[] = variablesSchema.keyof().options.map((name) => {
  const { description = '', secret } = variablesSchema.shape[name].meta() ?? {};
  return { name, description, secret: secret === true };
});

function matching(pattern: RegExp, message: string) {
  return z.string().regex(pattern, message);
}

function integer(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return matching(/^\d{1,9}$/, message)
    .transform(Number)
    .pipe(z.number().min(min, message).max(max, message));
}

function flag() {
  return z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true');
}

function list() {
  return z.string().transform((text) => text.split(',').map((item) => item.trim()));
}

function masterKey() {
  return matching(/^[\w+/-]{43}=?$/, 'must be 32 bytes in base64').transform((text) => Buffer.from(text, 'base64'));
}

/** Whether the bytes can be random: not constant, not an arithmetic sequence, not a short repeated pattern. */
function isStrongKey(key: Buffer): boolean {
  const steps = new Set(key.subarray(1).map((byte, index) => (byte - (key[index] ?? 0) + 256) % 256));
  return steps.size > 1 && new Set(key).size >= minDistinct;
}

/** Whether a secret is too long and varied to be guessed. */
function isStrongText(text: string): boolean {
  return text.length >= 32 && new Set(text).size >= minDistinct;
}

function jsonObject() {
  const message = 'must be a JSON object';
  return z.string().transform((text, context): Record<string, unknown> => {
    const parsed = z.record(z.string(), z.unknown()).safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
