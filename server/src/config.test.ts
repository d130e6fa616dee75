import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError, configVariables, developmentFeaturesSentence, type Environment, loadConfig } from './config.ts';
import { badAddresses } from './test/email-addresses.ts';

const bytesOf = (seed: string): Buffer => createHash('sha256').update(seed).digest();
const keyBytes = bytesOf('current');
const key = keyBytes.toString('base64');
const otherKey = bytesOf('earlier').toString('base64');
const strong = 'a-strong-secret-of-the-tests-0123456789';
const production: Environment = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgresql://db.example/gatehouse',
  PUBLIC_URL: 'https://id.example.com',
  MASTER_KEY: key,
};

describe('defaults', () => {
  test('an empty environment is a development server on loopback', () => {
    expect(loadConfig({})).toMatchObject({
      host: '127.0.0.1',
      secondHost: '::1',
      port: 3000,
      publicUrl: 'http://localhost:3000',
      isProduction: false,
      developmentFeatures: true,
      databaseUrl: undefined,
      dataDir: './data',
      databasePrepare: true,
      databasePoolSize: 10,
      masterKey: undefined,
      masterKeysOld: [],
      platformKeys: [],
      trustProxy: 0,
      workers: 1,
      hashConcurrency: availableParallelism(),
      logLevel: 'info',
    });
  });

  test('an empty variable counts as unset', () => {
    const empty = Object.fromEntries(configVariables.map(({ name }) => [name, '']));
    expect(loadConfig(empty)).toEqual(loadConfig({}));
  });

  test('the default public URL follows the port', () => {
    expect(loadConfig({ PORT: '0' })).toMatchObject({ port: 0, publicUrl: 'http://localhost:0' });
    expect(loadConfig({ PORT: '8080' }).publicUrl).toBe('http://localhost:8080');
  });

  test('production needs no mail server and has no development features', () => {
    expect(loadConfig(production)).toMatchObject({
      isProduction: true,
      developmentFeatures: false,
      smtpUrl: undefined,
      publicUrl: 'https://id.example.com',
      masterKey: keyBytes,
    });
  });
});

describe('values', () => {
  test('are parsed', () => {
    const settings = { signUpEnabled: false };
    const config = loadConfig({
      ...production,
      DATABASE_PREPARE: 'false',
      DATABASE_POOL_SIZE: '25',
      MASTER_KEYS_OLD: `${otherKey}, ${key}`,
      PLATFORM_KEY: `${strong},${strong}-next`,
      BOOTSTRAP_APP: 'shop-1',
      BOOTSTRAP_ADMIN_EMAIL: 'admin@example.com',
      BOOTSTRAP_ADMIN_PASSWORD: 'a long enough password',
      BOOTSTRAP_SETTINGS: JSON.stringify(settings),
      SMTP_URL: 'smtps://user:secret@mail.example:465',
      MAIL_FROM: 'Gatehouse <noreply@example.com>',
      WORKERS: '3',
      HASH_CONCURRENCY: '5',
      METRICS_PORT: '9090',
    });
    expect(config).toMatchObject({
      databasePrepare: false,
      databasePoolSize: 25,
      masterKeysOld: [bytesOf('earlier'), keyBytes],
      platformKeys: [strong, `${strong}-next`],
      bootstrapApp: 'shop-1',
      bootstrapSettings: settings,
      mailFrom: 'Gatehouse <noreply@example.com>',
      workers: 3,
      hashConcurrency: 5,
      metricsPort: 9090,
    });
  });

  test.each([
    ['2', 2],
    ['10.0.0.0/8, ::1, fd00::/8', ['10.0.0.0/8', '::1', 'fd00::/8']],
  ])('the service accepts TRUST_PROXY %s', (text, expected) => {
    expect(loadConfig({ TRUST_PROXY: text }).trustProxy).toEqual(expected);
  });

  test('WORKERS=auto is one process for the embedded database, one for each core with PostgreSQL', () => {
    expect(loadConfig({ WORKERS: 'auto' }).workers).toBe(1);
    expect(loadConfig({ ...production, WORKERS: 'auto' })).toMatchObject({
      workers: availableParallelism(),
      hashConcurrency: 1,
    });
  });

  test.each([
    [undefined, undefined],
    ['https://ranges.example', 'https://ranges.example/'],
    ['https://ranges.example/range', 'https://ranges.example/range/'],
    ['http://127.0.0.1:8080/range/', 'http://127.0.0.1:8080/range/'],
  ])('BREACHED_PASSWORDS_URL %s becomes %s', (BREACHED_PASSWORDS_URL, expected) => {
    expect(loadConfig({ ...production, BREACHED_PASSWORDS_URL }).breachedPasswordsUrl).toBe(expected);
  });

  test.each(['https://id.example.com/', 'https://ID.example.com:443'])('PUBLIC_URL %s becomes an origin', (url) => {
    expect(loadConfig({ ...production, PUBLIC_URL: url }).publicUrl).toBe('https://id.example.com');
  });

  test.each(['http://localhost:3000', 'http://127.0.0.1', 'http://[::1]:3000'])('production accepts %s', (url) => {
    expect(loadConfig({ ...production, PUBLIC_URL: url }).publicUrl).toBe(url);
  });

  test.each([
    ['localhost', '127.0.0.1', '::1'],
    ['LocalHost', '127.0.0.1', '::1'],
    ['127.0.0.1', '127.0.0.1', undefined],
    ['::1', '::1', undefined],
  ])('with HOST %s the service listens on %s and %s', (HOST, host, secondHost) => {
    expect(loadConfig({ HOST })).toMatchObject({ host, secondHost });
  });

  test.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('HOST %s is loopback', (host) => {
    expect(loadConfig({ HOST: host }).developmentFeatures).toBe(true);
  });
});

describe('faults', () => {
  test.each<[string, Environment]>([
    ['HOST', { HOST: 'not a host' }],
    ['PORT', { PORT: '65536' }],
    ['PORT', { PORT: '3e3' }],
    ['PORT', { PORT: '-1' }],
    ['NODE_ENV', { NODE_ENV: 'prod' }],
    ['DATABASE_URL', { DATABASE_URL: 'mysql://db', MASTER_KEY: key }],
    ['DATABASE_URL', { ...production, DATABASE_URL: undefined }],
    ['DATABASE_URL', { ...production, NODE_ENV: undefined, DATABASE_URL: undefined }],
    ['PUBLIC_URL', { ...production, NODE_ENV: undefined, PUBLIC_URL: 'http://id.example.com' }],
    ['PUBLIC_URL', { ...production, NODE_ENV: undefined, HOST: '0.0.0.0', PUBLIC_URL: undefined }],
    ['DATABASE_PREPARE', { DATABASE_PREPARE: 'no' }],
    ['DATABASE_POOL_SIZE', { DATABASE_POOL_SIZE: '0' }],
    ['PUBLIC_URL', { ...production, PUBLIC_URL: undefined }],
    ['PUBLIC_URL', { ...production, PUBLIC_URL: 'http://id.example.com' }],
    ['PUBLIC_URL', { PUBLIC_URL: 'https://id.example.com/path' }],
    ['PUBLIC_URL', { PUBLIC_URL: 'https://id.example.com?query' }],
    ['PUBLIC_URL', { PUBLIC_URL: 'https://user@id.example.com' }],
    ['PUBLIC_URL', { PUBLIC_URL: 'https://a:b:c' }],
    ['PUBLIC_URL', { PUBLIC_URL: 'ftp://id.example.com' }],
    ['MASTER_KEY', { MASTER_KEY: Buffer.alloc(31).toString('base64') }],
    ['MASTER_KEY', { MASTER_KEY: Buffer.alloc(33).toString('base64') }],
    ['MASTER_KEY', { ...production, MASTER_KEY: undefined }],
    ['MASTER_KEY', { ...production, DATABASE_URL: undefined, ALLOW_EMBEDDED: 'true', MASTER_KEY: undefined }],
    ['MASTER_KEY', { DATABASE_URL: 'postgres://db/x' }],
    ['MASTER_KEYS_OLD', { MASTER_KEYS_OLD: `${key},short` }],
    ['BOOTSTRAP_APP', { BOOTSTRAP_APP: 'Shop' }],
    ['BOOTSTRAP_ADMIN_PASSWORD', { BOOTSTRAP_ADMIN_EMAIL: 'admin@example.com' }],
    ['BOOTSTRAP_ADMIN_EMAIL', { BOOTSTRAP_ADMIN_PASSWORD: 'a long enough password' }],
    ...badAddresses.map(([, BOOTSTRAP_ADMIN_EMAIL]): [string, Record<string, string>] => [
      'BOOTSTRAP_ADMIN_EMAIL',
      { BOOTSTRAP_ADMIN_EMAIL, BOOTSTRAP_ADMIN_PASSWORD: 'a long enough password' },
    ]),
    ['BOOTSTRAP_SETTINGS', { BOOTSTRAP_SETTINGS: '[]' }],
    ['BOOTSTRAP_SETTINGS', { BOOTSTRAP_SETTINGS: '{' }],
    ['PLATFORM_KEY', { PLATFORM_KEY: ['a', 'b', 'c'].map((letter) => strong + letter).join(',') }],
    ['SMTP_URL', { SMTP_URL: 'https://mail.example' }],
    ['BREACHED_PASSWORDS_URL', { BREACHED_PASSWORDS_URL: 'ftp://ranges.example' }],
    ['BREACHED_PASSWORDS_URL', { BREACHED_PASSWORDS_URL: 'https://user:key@ranges.example/range/' }],
    ['BREACHED_PASSWORDS_URL', { BREACHED_PASSWORDS_URL: 'https://ranges.example/range?prefix=' }],
    ['BREACHED_PASSWORDS_URL', { BREACHED_PASSWORDS_URL: 'https://ranges.example/#range' }],
    ['BREACHED_PASSWORDS_URL', { BREACHED_PASSWORDS_URL: 'https://a:b:c' }],
    ['BREACHED_PASSWORDS_URL', { ...production, BREACHED_PASSWORDS_URL: 'http://ranges.example/range/' }],
    ['MAIL_FROM', { MAIL_FROM: 'nobody' }],
    ['TRUST_PROXY', { TRUST_PROXY: '10.0.0.0/33' }],
    ['TRUST_PROXY', { TRUST_PROXY: 'true' }],
    ['WORKERS', { WORKERS: '2' }],
    ['WORKERS', { WORKERS: 'many' }],
    ['HASH_CONCURRENCY', { HASH_CONCURRENCY: '0' }],
    ['LOG_LEVEL', { LOG_LEVEL: 'loud' }],
    ['METRICS_PORT', { PORT: '4000', METRICS_PORT: '4000' }],
    ['ALLOW_DEVELOPMENT_ON_NETWORK', { ALLOW_DEVELOPMENT_ON_NETWORK: '1' }],
  ])('%s is named alone for %o', (variable, env) => {
    expect(faultsOf(env).map((fault) => fault.variable)).toEqual([variable]);
  });

  test.each([
    ['names several hosts', 'postgresql://app:secret@one.example,two.example/gatehouse'],
    ['names several hosts', 'postgresql://app:secret@one.example:5432,two.example:5433/gatehouse'],
    ['names several hosts', 'postgresql://one.example%2Ctwo.example/gatehouse'],
    ['names several hosts', 'postgresql://[::1],[::2]/gatehouse'],
    ['names several hosts', 'postgresql:///gatehouse?host=one.example,two.example'],
    ['names several hosts', 'postgresql:///gatehouse?host=one.example&host=two.example'],
    ['names several hosts', 'postgresql://one.example/gatehouse?hostaddr=192.0.2.1,192.0.2.2'],
    ['names several hosts', 'postgresql://one.example,two.example/gatehouse?target_session_attrs=read-write'],
    ['has target_session_attrs', 'postgresql://one.example/gatehouse?target_session_attrs=read-write'],
    ['has load_balance_hosts', 'postgresql://one.example/gatehouse?sslmode=require&load_balance_hosts=random'],
  ])('a database that %s is refused with a pointer to the guide: %s', (reason, DATABASE_URL) => {
    const [fault, ...others] = faultsOf({ ...production, DATABASE_URL });
    expect(others).toEqual([]);
    expect(fault).toMatchObject({ variable: 'DATABASE_URL' });
    expect(fault?.message).toMatch(reason);
    expect(fault?.message).toContain('docs/guides/high-availability.md');
    expect(fault?.message).not.toContain('secret');
  });

  test.each([
    'postgresql://app:se,cret@one.example/gatehouse',
    'postgresql://app:p@ss,word@one.example/gatehouse',
    'postgresql://app@one.example/gatehouse,archive?application_name=a,b',
    'postgresql:///gatehouse?host=/var/run/postgresql',
    'postgresql://[::1]:5432/gatehouse',
  ])('a database on one host is accepted: %s', (DATABASE_URL) => {
    expect(faultsOf({ ...production, DATABASE_URL, PORT: 'x' }).map(({ variable }) => variable)).toEqual(['PORT']);
  });

  test('all are listed at once, those between variables too', () => {
    const faults = faultsOf({
      NODE_ENV: 'production',
      PORT: 'x',
      LOG_LEVEL: 'y',
      BOOTSTRAP_ADMIN_EMAIL: 'a@b.example',
    });
    expect(faults.map((fault) => fault.variable).toSorted()).toEqual([
      'BOOTSTRAP_ADMIN_PASSWORD',
      'DATABASE_URL',
      'LOG_LEVEL',
      'MASTER_KEY',
      'PORT',
      'PUBLIC_URL',
    ]);
  });

  test('a faulty variable is not also called missing', () => {
    expect(faultsOf({ ...production, MASTER_KEY: 'short', PUBLIC_URL: 'nonsense' })).toHaveLength(2);
  });

  test('never contain the value', () => {
    const secret = 'hunter2-hunter2';
    const env = Object.fromEntries(configVariables.map(({ name }) => [name, `\n${secret}`]));
    const error = errorOf(env);
    expect(error.faults.length).toBeGreaterThan(15);
    expect(error.message + JSON.stringify(error.faults)).not.toContain('hunter2');
    expect(error.message).toContain('MASTER_KEY must be 32 bytes in base64');
  });
});

const network: Environment = { MASTER_KEY: key, SMTP_URL: 'smtp://mail.example' };

describe('configuration without NODE_ENV', () => {
  test.each<[what: string, env: Environment]>([
    ['HOST is a network address', { HOST: '0.0.0.0' }],
    ['HOST is all IPv6 addresses', { HOST: '::' }],
    ['HOST is a name that begins like loopback', { HOST: 'localhost.example.com' }],
    ['PUBLIC_URL is a network address', { PUBLIC_URL: 'https://id.example.com' }],
    ['PUBLIC_URL begins like loopback', { PUBLIC_URL: 'https://127.0.0.1.example.com' }],
  ])('%s: the service is in production', (_, env) => {
    const config = loadConfig({ ...production, NODE_ENV: undefined, ...env });
    expect(config).toMatchObject({ isProduction: true, developmentFeatures: false });
  });

  test.each<[what: string, env: Environment]>([
    ['nothing is set', {}],
    ['HOST and PUBLIC_URL are loopback', { HOST: '::1', PUBLIC_URL: 'http://localhost:4000' }],
    ['the network is allowed', { HOST: '0.0.0.0', ALLOW_DEVELOPMENT_ON_NETWORK: 'true' }],
    ['the network is allowed', { PUBLIC_URL: 'https://id.example.com', ALLOW_DEVELOPMENT_ON_NETWORK: 'true' }],
  ])('%s: the service is in development', (_, env) => {
    expect(loadConfig(env)).toMatchObject({ isProduction: false, developmentFeatures: true });
  });

  test('a refusal explains why this is production and which variable to set', () => {
    const faults = faultsOf({ HOST: '0.0.0.0' });
    expect(faults.map((fault) => fault.variable)).toEqual(['DATABASE_URL', 'PUBLIC_URL', 'MASTER_KEY']);
    for (const fault of faults.slice(0, 2)) {
      expect(fault.message).toContain('NODE_ENV is not set');
      expect(fault.message).toContain('ALLOW_DEVELOPMENT_ON_NETWORK=true');
    }
  });
});

describe('development features', () => {
  test('are refused on a network address when the start would need them', () => {
    const faults = faultsOf({ NODE_ENV: 'development', HOST: '0.0.0.0' });
    expect(faults.map((fault) => fault.variable)).toEqual(['MASTER_KEY', 'SMTP_URL']);
    for (const fault of faults) expect(fault.message).toContain(developmentFeaturesSentence);
  });

  test('are off on a network address when nothing needs them', () => {
    const config = loadConfig({ ...network, NODE_ENV: 'development', HOST: '0.0.0.0' });
    expect(config).toMatchObject({ isProduction: false, developmentFeatures: false });
  });

  test('are on there when allowed', () => {
    expect(loadConfig({ HOST: '::', ALLOW_DEVELOPMENT_ON_NETWORK: 'true' }).developmentFeatures).toBe(true);
  });

  test('are never on in production', () => {
    expect(loadConfig({ ...production, ALLOW_DEVELOPMENT_ON_NETWORK: 'true' }).developmentFeatures).toBe(false);
  });

  test.each<[what: string, env: Environment, expected: boolean]>([
    ['everything is loopback', {}, true],
    ['NODE_ENV is test', { NODE_ENV: 'test' }, true],
    ['HOST is on the network', { HOST: '::', ALLOW_DEVELOPMENT_ON_NETWORK: 'true' }, false],
    ['PUBLIC_URL is on the network', { NODE_ENV: 'development', PUBLIC_URL: 'https://id.example.com' }, false],
    ['it is production', { ...production, PUBLIC_URL: 'http://localhost:3000' }, false],
  ])('the value decides isLocalDevelopment: %s', (_, env, expected) => {
    expect(loadConfig(env).isLocalDevelopment).toBe(expected);
  });
});

describe('weak secrets', () => {
  const base64 = (byteAt: (index: number) => number): string =>
    Buffer.from(Array.from({ length: 32 }, (_, index) => byteAt(index))).toString('base64');
  const weakKeys: [what: string, value: string][] = [
    ['zero bytes', base64(() => 0)],
    ['equal bytes', base64(() => 0xa5)],
    ['bytes that count up', base64((index) => index)],
    ['bytes that count up past 255', base64((index) => (250 + index) % 256)],
    ['bytes that count down', base64((index) => 200 - index)],
    ['bytes that count by seven', base64((index) => (index * 7) % 256)],
    ['a pattern of nine bytes', base64((index) => (index % 9) * 11)],
  ];
  const weakTexts: [what: string, value: string][] = [
    ['one character', '%'],
    ['31 characters', strong.slice(0, 31)],
    ['one character, 40 times', 'a'.repeat(40)],
    ['nine distinct characters', 'abcdefghi'.repeat(5)],
  ];
  const cases = [
    ...weakKeys.map(([what, value]) => ['MASTER_KEY', what, value] as const),
    ...['PLATFORM_KEY', 'METRICS_TOKEN'].flatMap((name) =>
      weakTexts.map(([what, value]) => [name, what, value] as const),
    ),
    ['PLATFORM_KEY', 'a weak second key', `${strong},${'a'.repeat(40)}`] as const,
  ];
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-weak-'));

  test.each(cases)('%s of %s is refused, and the refusal says how to make a strong one', (variable, _, value) => {
    const faults = faultsOf({ ...production, [variable]: value });
    expect(faults.map((fault) => fault.variable)).toEqual([variable]);
    expect(faults[0]?.message).toMatch(/openssl rand -(base64|hex) 32/);
    expect(faults[0]?.message).not.toContain(value);
  });

  test.each(cases)('%s of %s is refused in a file, too', (variable, _, value) => {
    const path = join(directory, variable);
    writeFileSync(path, `${value}\n`);
    const faults = faultsOf({ ...production, [variable]: undefined, [`${variable}_FILE`]: path });
    expect(faults.map((fault) => fault.variable)).toEqual([variable]);
  });

  test('a weak master key may still decrypt while it is replaced', () => {
    const config = loadConfig({ ...production, MASTER_KEYS_OLD: Buffer.alloc(32).toString('base64') });
    expect(config.masterKeysOld).toEqual([Buffer.alloc(32)]);
  });

  test('ten distinct characters are enough', () => {
    expect(loadConfig({ METRICS_TOKEN: 'abcdefghij'.repeat(4) }).metricsToken).toHaveLength(40);
  });
});

describe('secrets in files', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-config-'));
  const file = (name: string, content: string) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };

  test('are read without the newline at the end', () => {
    expect(loadConfig({ METRICS_TOKEN_FILE: file('token', `${strong}\n`) }).metricsToken).toBe(strong);
    expect(loadConfig({ METRICS_TOKEN_FILE: file('lines', `${strong}\n\n`) }).metricsToken).toBe(`${strong}\n`);
    expect(loadConfig({ MASTER_KEY_FILE: file('key', `${key}\r\n`) }).masterKey).toEqual(keyBytes);
  });

  test.each<[string, Environment]>([
    ['both set', { METRICS_TOKEN: 'a', METRICS_TOKEN_FILE: file('both', 'b') }],
    ['missing', { METRICS_TOKEN_FILE: join(directory, 'nowhere') }],
    ['empty', { METRICS_TOKEN_FILE: file('empty', '\n') }],
  ])('%s is a fault of the configuration', (_, env) => {
    const [fault] = faultsOf(env);
    expect(fault).toMatchObject({ variable: 'METRICS_TOKEN' });
    expect(fault?.message).toContain('METRICS_TOKEN_FILE');
  });

  test('an unreadable key file is one fault, without a second fault for the missing key', () => {
    expect(faultsOf({ ...production, MASTER_KEY: undefined, MASTER_KEY_FILE: directory })).toHaveLength(1);
  });

  test('only secrets can be read from files', () => {
    expect(loadConfig({ HOST_FILE: '/nowhere' }).host).toBe('127.0.0.1');
  });
});

test('the table describes every variable and knows the secrets', () => {
  expect(configVariables.filter(({ description }) => description === '')).toEqual([]);
  expect(configVariables.filter(({ secret }) => secret).map(({ name }) => name)).toEqual([
    'DATABASE_URL',
    'MASTER_KEY',
    'MASTER_KEYS_OLD',
    'BOOTSTRAP_ADMIN_PASSWORD',
    'PLATFORM_KEY',
    'SMTP_URL',
    'METRICS_TOKEN',
  ]);
});

function errorOf(env: Environment): ConfigError {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('expected a ConfigError');
}

function faultsOf(env: Environment) {
  return errorOf(env).faults;
}
