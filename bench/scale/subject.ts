import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { Client } from 'pg';
import { buildApp } from '../../server/src/app.ts';
import { createApp, prepareApp } from '../../server/src/accounts/create-app.ts';
import { loadConfig } from '../../server/src/config.ts';
import { type Db, type Queryable, type Sql, sql } from '../../server/src/db/db.ts';
import { migrate } from '../../server/src/db/migrate.ts';
import { openDatabase } from '../../server/src/db/open.ts';
import { createIdSource } from '../../server/src/ids.ts';
import { createSealer } from '../../server/src/keys/seal.ts';
import { createPasswordHasher } from '../../server/src/passwords/password-hash.ts';
import { generate, type Size, userId } from './generate.ts';

const appName = 'scale';
const password = 'Correct-Horse-7-Battery';
const email = 'admin@scale.example';

/** One size: the service on a filled database, in this process. */
export interface Subject {
  readonly size: Size;
  readonly url: string;
  readonly app: FastifyInstance;
  /** Sessions of the super admin, and of the owner of the largest organization. */
  readonly tokens: { readonly admin: string; readonly owner: string };
  /** Returns the statements since the last call. */
  take(): Sql[];
  close(): Promise<void>;
}

/** Records the statements that go to `db`. */
function remembering(db: Db): { db: Db; take: () => Sql[] } {
  let statements: Sql[] = [];
  const queryOf =
    (on: Queryable): Queryable['query'] =>
    (statement, ...rest) => {
      statements.push(statement);
      return on.query(statement, ...rest);
    };
  const transaction: Db['transaction'] = (work) =>
    db.transaction((tx) =>
      work({
        isTransaction: true,
        query: queryOf(tx),
        script: (text) => tx.script(text),
        liftTimeLimits: () => tx.liftTimeLimits(),
      }),
    );
  const take = () => {
    const taken = statements;
    statements = [];
    return taken;
  };
  return {
    db: { engine: db.engine, load: () => db.load(), query: queryOf(db), transaction, close: () => db.close() },
    take,
  };
}

async function withAdministrator<Result>(serverUrl: string, work: (client: Client) => Promise<Result>) {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const databaseOf = ({ users }: Size): string => `gatehouse_scale_${users}`;

export const dropSubject = (serverUrl: string, size: Size): Promise<unknown> =>
  withAdministrator(serverUrl, (client) => client.query(`DROP DATABASE IF EXISTS ${databaseOf(size)} WITH (FORCE)`));

/** @returns whether it is new */
const makeDatabase = (serverUrl: string, size: Size): Promise<boolean> =>
  withAdministrator(serverUrl, async (client) => {
    const name = databaseOf(size);
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${name}`);
    return rowCount === 0;
  });

async function startService(db: Db) {
  const config = loadConfig({ PUBLIC_URL: 'http://127.0.0.1:3000' });
  const parameters = { memoryCost: 64, timeCost: 1, parallelism: 1 };
  return buildApp({
    config,
    db,
    clock: { now: () => new Date() },
    sealer: createSealer({ current: Buffer.alloc(32, 7), old: [] }),
    ids: createIdSource({ node: 1 }),
    passwords: createPasswordHasher({ concurrency: 1, parameters }),
    logger: false,
  });
}

async function signIn(app: FastifyInstance): Promise<string> {
  const response = await app.inject({
    method: 'POST',
    url: '/v1/authentication/users/sessions',
    headers: { 'x-app-name': appName },
    payload: { email, password },
  });
  if (response.statusCode !== 201) throw new Error(`no session: ${response.body}`);
  return response.json<{ sessionToken: string }>().sessionToken;
}

/** Inserts a session of a user without a password, like a sign-in. */
async function openSession(db: Db, userIndex: number): Promise<string> {
  const token = `gh_s_${randomBytes(32).toString('base64url')}`;
  await db.query(sql`
    INSERT INTO sessions (app_id, id, user_id, token_hash, amr, authenticated_at, created_at, last_seen_at, expires_at,
      idle_expires_at)
    SELECT id, ${createIdSource({ node: 2 }).next()}::bigint, ${userId(userIndex)}::bigint,
      sha256(convert_to(${token}, 'UTF8')), '{pwd}', date_trunc('milliseconds', now()), now(),
      date_trunc('milliseconds', now()), now() + interval '1 day', now() + interval '1 day'
    FROM apps WHERE name = ${appName}`);
  return token;
}

/** Creates the database of a size, unless an earlier run left it, and starts the service on it. */
export async function openSubject(serverUrl: string, size: Size, note: (text: string) => void): Promise<Subject> {
  const isNew = await makeDatabase(serverUrl, size);
  const url = Object.assign(new URL(serverUrl), { pathname: `/${databaseOf(size)}` }).href;
  const { db, take } = remembering(await openDatabase({ url, dataDir: '', poolSize: 4, prepare: true }));
  await migrate(db);
  const { app, services } = await startService(db);
  await app.ready();
  if (isNew) {
    note(`Filling ${databaseOf(size)}`);
    const prepared = await prepareApp(services, {
      name: appName,
      displayName: 'Scale',
      adminEmail: email,
      adminPassword: password,
      settings: {},
    });
    await db.transaction((tx) => createApp(tx, services, prepared));
    await generate(url, prepared.id, size, note);
  }
  const tokens = { admin: await signIn(app), owner: await openSession(db, 0) };
  return { size, url, app, tokens, take, close: () => app.close().then(() => db.close()) };
}
