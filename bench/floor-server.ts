import { createHash, createPrivateKey, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { verify } from '@node-rs/argon2';
import fastify from 'fastify';
import { type FloorDatabase, openFloorDatabase } from './floor-database.ts';

/**
 * The minimal cost of any implementation with this framework, this driver and these tables: no authentication, no
 * validation, no access decision, no extra headers, and no index on events except the primary key. Parameters are used
 * in order, once each.
 */
const selectUser = `
  SELECT id, email, is_email_verified, first_name, last_name, phone_number, is_phone_verified, state
  FROM users WHERE app_id = $1 AND id = $2`;
const selectSecret = `
  SELECT machine_user_id, secret_hash, expires_at FROM machine_secrets
  WHERE app_id = $1 AND machine_user_id = $2 AND id = $3`;
const updateOrganization = `
  UPDATE organizations SET metadata = metadata || $1::jsonb, version = version + 1, updated_at = $2
  WHERE app_id = $3 AND id = $4`;
const insertEvent = `
  INSERT INTO floor_events (app_id, id, org_id, time, action, actor_kind, actor_id, target_kind, target_id, ip,
    request_id, changes)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`;
const updateAndInsert = `
  WITH changed AS (
    UPDATE organizations SET metadata = metadata || $1::jsonb, version = version + 1, updated_at = $2
    WHERE app_id = $3 AND id = $4 RETURNING id)
  INSERT INTO floor_events (app_id, id, org_id, time, action, actor_kind, actor_id, target_kind, target_id, ip,
    request_id, changes)
  SELECT $5::bigint, $6::bigint, $7::bigint, $8::timestamptz, $9, $10, $11::bigint, $12, $13::bigint, $14, $15,
    $16::text[]
  FROM changed`;
const selectMembers = `
  SELECT u.id, u.email, u.first_name, u.last_name, m.is_owner, m.is_manager,
    ARRAY(SELECT mr.role_key FROM member_roles mr
      WHERE mr.app_id = m.app_id AND mr.org_id = m.org_id AND mr.user_id = m.user_id) AS roles
  FROM members m JOIN users u ON u.app_id = m.app_id AND u.id = m.user_id
  WHERE m.app_id = $1 AND m.org_id = $2 ORDER BY m.id LIMIT 51`;
const selectCredentials = 'SELECT id, password_hash FROM users WHERE app_id = $1 AND email_key = $2';
const insertSession = `
  INSERT INTO sessions (app_id, id, user_id, token_hash, amr, authenticated_at, created_at, last_seen_at, expires_at,
    idle_expires_at, ip, user_agent)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`;

const appId = process.env['APP_ID'] ?? '';
const dayMs = 86_400_000;
/** Larger than every id that the service generates during the run. */
let nextId = 8_000_000_000_000_000_000n;

interface ById {
  Params: { id: string };
}

const message = { type: 'object', properties: { message: { type: 'string' } } };
const token = { type: 'object', properties: { token: { type: 'string' }, expiresInSeconds: { type: 'integer' } } };
const session = {
  type: 'object',
  properties: { userId: { type: 'string' }, sessionToken: { type: 'string' }, message: { type: 'string' } },
};
const user = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    email: { type: 'string' },
    is_email_verified: { type: 'boolean' },
    first_name: { type: 'string' },
    last_name: { type: 'string' },
    phone_number: { type: ['string', 'null'] },
    is_phone_verified: { type: 'boolean' },
    state: { type: 'string' },
  },
};

const member = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    email: { type: 'string' },
    first_name: { type: 'string' },
    last_name: { type: 'string' },
    is_owner: { type: 'boolean' },
    is_manager: { type: 'boolean' },
    roles: { type: 'array', items: { type: 'string' } },
  },
};
const members = { type: 'object', properties: { users: { type: 'array', items: member } } };

/** The values of a change: those of the `UPDATE`, and those of the `INSERT`. */
function changeOf(id: string, metadata: object) {
  const now = new Date();
  const event = [appId, String((nextId += 1n)), id, now, 'organization.updated', 'user', id, 'organization', id];
  return {
    update: [JSON.stringify(metadata), now, appId, id],
    insert: [...event, '127.0.0.1', randomUUID(), ['metadata.plan']],
  };
}

function change(db: FloorDatabase, id: string, metadata: object): Promise<void> {
  const { update, insert } = changeOf(id, metadata);
  return db.transaction([
    { name: 'update', text: updateOrganization, values: update },
    { name: 'insert', text: insertEvent, values: insert },
  ]);
}

async function changeInOneStatement(db: FloorDatabase, id: string, metadata: object): Promise<void> {
  const { update, insert } = changeOf(id, metadata);
  await db.query('change', updateAndInsert, [...update, ...insert]);
}

interface CredentialsRow {
  id: string;
  password_hash: string;
}

async function signIn(db: FloorDatabase, given: { email: string; password: string }) {
  const [found] = (await db.query('credentials', selectCredentials, [appId, given.email])) as CredentialsRow[];
  if (!found || !(await verify(found.password_hash, given.password))) throw new Error('wrong password');
  const sessionToken = randomBytes(32).toString('base64url');
  const now = new Date();
  const ends = new Date(now.getTime() + 30 * dayMs);
  const tokenHash = createHash('sha256').update(sessionToken).digest();
  const row = [appId, String((nextId += 1n)), found.id, tokenHash, ['pwd'], now, now, now, ends, ends];
  await db.query('session', insertSession, [...row, '127.0.0.1', null]);
  return { message: 'Session Created', userId: found.id, sessionToken };
}

function createSigner(): (claims: object) => string {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const key = createPrivateKey(privateKey);
  const header = Buffer.from('{"alg":"ES256","typ":"at+jwt"}').toString('base64url');
  return (claims) => {
    const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
    return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
}

async function main(): Promise<void> {
  const app = fastify();
  const db = await openFloorDatabase(process.env);
  const signed = createSigner();
  app.route<ById>({
    method: 'GET',
    url: '/users/:id',
    schema: { response: { 200: user } },
    handler: async ({ params }) => (await db.query('user', selectUser, [appId, params.id]))[0],
  });
  for (const [url, changed] of [
    ['/organizations/:id', change],
    ['/one-statement/organizations/:id', changeInOneStatement],
  ] as const) {
    app.route<ById & { Body: { metadata: object } }>({
      method: 'PATCH',
      url,
      schema: { response: { 200: message } },
      handler: async ({ params, body }) => {
        await changed(db, params.id, body.metadata);
        return { message: 'Organization Data Updated' };
      },
    });
  }
  app.route<ById>({
    method: 'GET',
    url: '/organizations/:id/members',
    schema: { response: { 200: members } },
    handler: async ({ params }) => ({
      users: (await db.query('members', selectMembers, [appId, params.id])).slice(0, 50),
    }),
  });
  app.route<ById>({
    method: 'POST',
    url: '/tokens/:id',
    schema: { response: { 200: token } },
    handler: async ({ params: { id } }) => {
      await db.query('secret', selectSecret, [appId, id, id]);
      return { token: signed({ sub: id, exp: Math.floor(Date.now() / 1000) + 3600 }), expiresInSeconds: 3600 };
    },
  });
  app.route<{ Body: { email: string; password: string } }>({
    method: 'POST',
    url: '/sessions',
    schema: { response: { 201: session } },
    handler: async ({ body }, reply) => reply.code(201).send(await signIn(db, body)),
  });
  app.get('/readyz', () => ({ status: 'ready' }));
  process.once('SIGTERM', () => process.exit(0));
  await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) });
}

await main();
