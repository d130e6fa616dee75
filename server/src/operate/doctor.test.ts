import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { raw, sql } from '../db/db.ts';
import { openDatabase } from '../db/open.ts';
import { urlOfDatabase } from '../test/database.ts';
import { digestOfEverything } from '../test/digest.ts';
import { closedPort, type MailServer, startMailServer } from '../test/mail-server.ts';
import { RangeServer } from '../test/range-server.ts';
import { buildTestApp, masterKey, type TestApp } from '../test/setup.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { addDoctorCommand, type DoctorSurroundings, openExisting } from './doctor.ts';

const onServer = process.env['TEST_DATABASE_URL'] !== undefined;

let app: TestApp;
let world: World;
const exitCode = process.exitCode;

beforeEach(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  // Test servers need not be durable.
  if (onServer) await setOnServer('synchronous_commit = on');
});
afterEach(async () => {
  process.exitCode = exitCode;
  await app.close();
});

const healthyEnv = { PUBLIC_URL: 'http://127.0.0.1:3000', MASTER_KEY: masterKey.toString('base64') };
/** The test's own database, as the command finds it. */
const openAgain: DoctorSurroundings['open'] = async () => {
  const { db } = app;
  if (onServer) return openDatabase({ url: await urlOfDatabase(db), dataDir: '', poolSize: 1, prepare: true });
  return {
    engine: db.engine,
    load: () => db.load(),
    query: (...args) => db.query(...args),
    transaction: (work) => db.transaction(work),
    close: () => Promise.resolve(),
  };
};

/** Applies to connections that are opened later. */
async function setOnServer(setting: string): Promise<void> {
  const [row] = await app.db.query<{ name: string }>(sql`SELECT quote_ident(current_database()) AS name`);
  await app.db.query(raw(`ALTER DATABASE ${row?.name} SET ${setting}`));
}

interface Options extends Partial<Omit<DoctorSurroundings, 'print' | 'env'>> {
  readonly env?: Record<string, string>;
  readonly args?: readonly string[];
}

/** Runs the command, which must leave the database as it was. @returns what it prints, and its exit code */
async function doctor({ env, open = openAgain, machineNow = Date.now, args = [] }: Options = {}) {
  const lines: string[] = [];
  const program = new Command().exitOverride();
  const before = await digestOfEverything(app.db);
  process.exitCode = exitCode;
  const print = (line: string) => void lines.push(line);
  addDoctorCommand(program, { env: { ...healthyEnv, ...env }, open, machineNow, print });
  await program.parseAsync(['node', 'operate', 'doctor', ...args]);
  expect(await digestOfEverything(app.db)).toEqual(before);
  return { lines, status: process.exitCode };
}

const found = (...patterns: (string | RegExp)[]) => ({
  lines: patterns.map((pattern) => expect.stringMatching(pattern)),
  status: 1,
});
const onApp = (assignments: string) => app.db.query(raw(`UPDATE apps SET ${assignments} WHERE id = ${world.appId}`));
const store = (settings: object) => onApp(`settings = settings || '${JSON.stringify(settings)}'`);

it('finds nothing if all is in order', async () => {
  expect(await doctor()).toEqual({ lines: ['nothing to mend'], status: exitCode });
  expect(await doctor({ args: ['--json'] })).toEqual({ lines: ['{"findings":[]}'], status: exitCode });
});

it('prints JSON', async () => {
  await store({ redirectMatching: 'origin' });
  const { lines, status } = await doctor({ args: ['--json'] });
  expect([lines.map((line) => JSON.parse(line) as unknown), status]).toEqual([
    [
      {
        findings: [
          {
            severity: 'warning',
            area: `settings of ${world.appName}`,
            message: expect.stringMatching(/^redirectMatching is "origin"/),
          },
        ],
      },
    ],
    1,
  ]);
});

describe('the configuration', () => {
  it('is refused with each fault, and nothing else is checked', async () => {
    const open = () => Promise.reject(new Error('opened all the same'));
    expect(await doctor({ env: { PORT: 'http', LOG_LEVEL: 'loud' }, open })).toEqual(
      found(/^fault {2}configuration {2}LOG_LEVEL must be/, /^fault {2}configuration {2}PORT must be/),
    );
  });
});

describe('the database', () => {
  it('a database that cannot be reached is a fault, and the mail server is checked anyway', async () => {
    const env = {
      DATABASE_URL: `postgresql://user:pass-word@127.0.0.1:${await closedPort()}/none`,
      SMTP_URL: `smtp://127.0.0.1:${await closedPort()}`,
    };
    const result = await doctor({ env, open: openExisting });
    expect(result).toEqual(found(/^fault {2}database {2}The database cannot be reached/, /^fault {2}mail {2}/));
    expect(result.lines.join('')).not.toContain('pass-word');
  });

  it('a database that does not exist yet is not created', async () => {
    const DATA_DIR = await mkdtemp(join(tmpdir(), 'gatehouse-doctor-'));
    expect(await doctor({ env: { DATA_DIR }, open: openExisting })).toEqual(
      found(/^fault {2}database {2}There is no database in .* yet: the first start creates it$/),
    );
    await rm(DATA_DIR, { recursive: true });
  });

  const lastMigration = sql`(SELECT max(version) FROM schema_migrations)`;
  test.each([
    [
      'lacks migrations',
      sql`DELETE FROM schema_migrations WHERE version = ${lastMigration}`,
      /^warning {2}database {2}1 of \d+ migrations are not applied/,
    ],
    [
      'is newer',
      sql`INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, 'future', 'x')`,
      /^fault {2}database {2}The database schema is at version/,
    ],
    [
      'has another migration',
      sql`UPDATE schema_migrations SET checksum = 'x' WHERE version = 3`,
      /^fault {2}database {2}Migration 3 .* was changed/,
    ],
  ])('a database that %s is reported and not migrated', async (_, change, finding) => {
    await app.db.query(change);
    expect(await doctor()).toEqual(found(finding));
  });

  test.runIf(onServer)('the doctor warns about dangerous settings of the database server', async () => {
    const DATABASE_URL = `${await urlOfDatabase(app.db)}?statement_timeout=0`;
    await setOnServer('synchronous_commit = off');
    const limits =
      /^warning {2}database {2}The database.* does not limit.*: ALTER ROLE .* SET statement_timeout = '20s'$/;
    const commits = /^warning {2}database {2}synchronous_commit is off/;
    expect(await doctor({ env: { DATABASE_URL }, open: openExisting })).toEqual(found(limits, commits));
    await setOnServer('default_transaction_read_only = on');
    const readOnly = /^fault {2}database {2}The database is read-only/;
    expect(await doctor({ env: { DATABASE_URL }, open: openExisting })).toEqual(found(limits, readOnly, commits));
  });
});

describe('the clock', () => {
  test.each([
    [-86_400_000, 'warning  clock  This machine is 86400 s behind the database'],
    [5_000, 'warning  clock  This machine is 5 s ahead of the database'],
  ])('a clock of this machine that is %i ms ahead is a warning', async (aheadMs, finding) => {
    expect(await doctor({ machineNow: () => Date.now() + aheadMs })).toEqual(found(finding));
  });

  it('is right if the answer of the database was slow', async () => {
    let times = 0;
    const machineNow = () => Date.now() + (times++ === 0 ? -4_000 : 4_000);
    expect((await doctor({ machineNow })).lines).toEqual(['nothing to mend']);
  });
});

describe('the server of breached passwords', () => {
  it('is fine if it lists hashes, and gets a fixed range', async () => {
    const ranges = await RangeServer.start();
    expect((await doctor({ env: { BREACHED_PASSWORDS_URL: ranges.url } })).lines).toEqual(['nothing to mend']);
    expect(ranges.calls.map(({ path }) => path)).toEqual(['/range/00000']);
    await ranges.stop();
  });

  it('is named with the reason if it cannot be used', async () => {
    const ranges = await RangeServer.start();
    ranges.respond = (response) => response.writeHead(503).end();
    const env = { BREACHED_PASSWORDS_URL: ranges.url };
    expect(await doctor({ env })).toEqual(
      found(/^warning {2}passwords {2}The server of .* status 503\. New passwords/),
    );
    await ranges.stop();
  });
});

describe('the mail server', () => {
  let server: MailServer | undefined;
  afterEach(() => server?.close());

  it('a mail server that can be used gets no mail', async () => {
    server = await startMailServer();
    expect((await doctor({ env: { SMTP_URL: `smtp://127.0.0.1:${server.port}` } })).lines).toEqual(['nothing to mend']);
    expect(server.mails).toEqual([]);
  });

  it('a mail server that cannot be used is a fault with its reason', async () => {
    server = await startMailServer();
    const SMTP_URL = `smtp://127.0.0.1:${server.port}?requireTLS=true`;
    expect(await doctor({ env: { SMTP_URL } })).toEqual(found(/^fault {2}mail {2}.*: not_encrypted 500\.$/));
  });

  it('a mail server that production lacks is a warning', async () => {
    const env = { NODE_ENV: 'production', PUBLIC_URL: 'https://id.example.com', ALLOW_EMBEDDED: 'true' };
    expect(await doctor({ env })).toEqual(found(/^warning {2}mail {2}SMTP_URL is not set/));
  });
});

describe('the keys', () => {
  const otherKey = randomBytes(32).toString('base64');

  it('are not those of another master key', async () => {
    const finding = /^fault {2}keys {2}MASTER_KEY is not the key of this database/;
    expect(await doctor({ env: { MASTER_KEY: otherKey } })).toEqual(found(finding));
  });

  it('keys that are encrypted under an old master key are to be resealed', async () => {
    const env = { MASTER_KEY: otherKey, MASTER_KEYS_OLD: healthyEnv.MASTER_KEY };
    const { lines } = await doctor({ env });
    expect(lines).toContainEqual(
      expect.stringMatching(/^warning {2}keys {2}2 signing keys are encrypted under .*: run operate reseal\.$/),
    );
  });

  it('keys that cannot be decrypted are counted', async () => {
    await app.db.query(sql`UPDATE signing_keys SET sealed_private_key = ${randomBytes(100)}`);
    expect(await doctor()).toEqual(found(/^fault {2}keys {2}1 of 2 signing keys cannot be decrypted/));
  });

  test.each([
    ['is revoked', sql`revoked_at = now()`, [/^fault {2}keys {2}The app \S+ has no current signing key: .*rotate-key/]],
    ['has ended', sql`published_until = now() - interval '1 day'`, [/^fault {2}keys {2}The app \S+ has no current/]],
    [
      'begins in a day',
      sql`active_from = now() + interval '1 day'`,
      [
        /^fault {2}keys {2}The app \S+ has no current/,
        /^warning {2}keys {2}Key \S+ of the app \S+ becomes active only at 20/,
      ],
    ],
  ])('a key set whose only key %s does not sign', async (_, assignment, findings) => {
    await app.db.query(sql`UPDATE signing_keys SET ${assignment}`);
    expect(await doctor()).toEqual(found(...findings));
    await onApp(`status = 'INACTIVE'`);
    expect((await doctor()).lines).toEqual(['nothing to mend']);
  });
});

describe('stored values that would be refused now', () => {
  test.each<[string, object, RegExp[], Record<string, string>?]>([
    [
      'an origin that is none',
      { allowedOrigins: ['example.com'] },
      [/settings\.allowedOrigins\.0 would be refused now: Must be/],
    ],
    ['a setting that is gone', { colour: 'red' }, [/settings would be refused now: .*colour/]],
    ['a number out of bounds', { sessionLifeSeconds: 1 }, [/sessionLifeSeconds would be refused now: At least 60/]],
    ['a limit out of bounds', { limits: { signInsPerAccountPerHour: 0 } }, [/limits\.signInsPerAccountPerHour would/]],
    [
      'a wildcard',
      { allowedOrigins: ['https://*.example.com'] },
      [/allowedOrigins: "https:\/\/\*\.example.com" has a/],
    ],
    [
      'two at once',
      { redirectUrls: ['https://app.example.com/*'], redirectMatching: 'origin' },
      [/redirectMatching is "origin"/, /redirectUrls: "https:\/\/app\.example\.com\/\*"/],
    ],
    ['a link to elsewhere', { resetUrl: 'https://evil.example/{{code}}' }, [/a default URL template is refused: /]],
    ['a cookie of all sites', { cookieSameSite: 'none' }, [/cookieSameSite is "none" while PUBLIC_URL is http/]],
  ])('%s', async (_, settings, findings) => {
    await store(settings);
    const prefix = `^warning  settings of ${world.appName}  .*`;
    expect(await doctor()).toEqual(found(...findings.map(({ source }) => new RegExp(prefix + source))));
  });

  it('are keys of roles, too', async () => {
    const orgId = await world.organization(await world.person(), { roles: ['reader'] });
    await app.db.query(sql`UPDATE roles SET key = 'org-owner' WHERE app_id = ${world.appId} AND scope_id = ${orgId}`);
    expect(await doctor()).toEqual(
      found(
        `^warning  roles of ${world.appName}  "org-owner", the key of a role of the organization ${orgId}, would be`,
      ),
    );
  });
});
