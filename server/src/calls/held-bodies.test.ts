import { EventEmitter, once } from 'node:events';
import { type IncomingMessage, request as openRequest } from 'node:http';
import { json } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { afterAll, aroundEach, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { openTestDatabase } from '../test/database.ts';
import { listen } from '../test/raw-http.ts';
import { isAppNamed, type Prepared, urlOf } from '../test/samples/sample.ts';
import { type Case, cases } from '../test/samples/samples.ts';
import { createStage, type Stage } from '../test/samples/stage.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import type { UndoableDb } from '../test/undo.ts';
import { createWorld } from '../test/world/world.ts';
import type { Credentials } from './credentials.ts';

let db: UndoableDb;
let test: TestApp;
let stage: Stage;
let port: number;
/** Emits `found` after each credential that was looked up. */
const lookups = new EventEmitter();

/** Reports each look-up of the service, and does not change it. */
function observe(credentials: Credentials): void {
  for (const kind of ['session', 'signedToken', 'mailedToken'] as const) {
    const lookUp = credentials[kind].bind(credentials) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(credentials, {
      [kind]: async (...args: unknown[]) => {
        const found = await lookUp(...args);
        lookups.emit('found');
        return found;
      },
    });
  }
}

beforeAll(async () => {
  db = await openTestDatabase();
  test = await buildTestApp({ db });
  observe(test.services.credentials);
  stage = await createStage(await createWorld(test));
  port = await listen(test);
});
aroundEach((runTest) => db.undo(runTest));
afterAll(() => test?.close());

interface HeldCall {
  readonly method: Case['route']['method'];
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** Sends all but the end of a request, and the end after the credential was looked up and `meanwhile` has happened. */
async function hold({ method, path, headers, body }: HeldCall, meanwhile: () => Promise<unknown>) {
  const bytes = JSON.stringify(body);
  const call = openRequest({
    host: '127.0.0.1',
    port,
    method,
    path,
    agent: false,
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes), ...headers },
  });
  const answered = once(call, 'response') as Promise<[IncomingMessage]>;
  const authenticated = once(lookups, 'found');
  try {
    call.write(bytes.slice(0, 1));
    await Promise.race([authenticated, answered]);
    // The look-up has returned; its caller continues in this turn of the event loop.
    await setImmediate();
    await meanwhile();
    call.end(bytes.slice(1));
    const [response] = await answered;
    return { status: response.statusCode, body: (await json(response)) as { code?: string; message?: string } };
  } finally {
    call.destroy();
  }
}

const endSessions = (userId: string) =>
  test.db.query(sql`DELETE FROM sessions WHERE app_id = ${stage.world.appId} AND user_id = ${userId}`);

const toHeld = ({ route }: Case, prepared: Prepared, token: string): HeldCall => ({
  method: route.method,
  path: urlOf(route, prepared),
  headers: {
    ...(isAppNamed(route) && { 'x-app-name': stage.world.appName }),
    ...(prepared.orgId !== undefined && { 'x-iam-orgid': prepared.orgId }),
    ...prepared.headers,
    authorization: `Bearer ${token}`,
  },
  body: prepared.body ?? {},
});

const changing = cases.filter(({ route }) => route.body && !route.page && !route.oauth);

describe('a session that ends while the body is on the way', () => {
  it.each(changing.map((one) => [one.name, one] as const))('does not permit %s', async (_, one) => {
    const prepared = await one.sample.prepare(stage);
    const { token = '', id } = prepared.as;
    if (!token.startsWith('gh_s_') || !prepared.body) return;
    const { status, body } = await hold(toHeld(one, prepared, token), () => endSessions(id ?? ''));
    expect([status, body.code]).toEqual([401, 'unauthenticated']);
  });
});

describe('a change of an organization whose body is on the way', () => {
  const change = (token: string): HeldCall => ({
    method: 'PATCH',
    path: `/v1/authorization/organizations/${stage.orgId}`,
    headers: { 'x-app-name': stage.world.appName, authorization: `Bearer ${token}` },
    body: { metadata: { key1: 'value1' } },
  });
  const asAdmin = async (method: HeldCall['method'], url: string, body?: object) => {
    const response = await stage.world.call(method, url, { token: stage.world.admin.token, ...(body && { body }) });
    expect(response.statusCode).toBeLessThan(300);
  };
  const organization = () => `/v1/authorization/organizations/${stage.orgId}`;

  it('happens if nothing else does', async () => {
    expect(await hold(change(stage.owner.token), async () => {})).toMatchObject({
      status: 200,
      body: { message: 'Organization Data Updated' },
    });
  });

  it.each<[what: string, token: () => string, meanwhile: () => Promise<unknown>, expected: [number, string]]>([
    [
      'the manager is deactivated',
      () => stage.manager.token,
      () => asAdmin('POST', `/v1/authorization/users/${stage.manager.userId}/deactivate`),
      [401, 'unauthenticated'],
    ],
    [
      'the owner signs out',
      () => stage.owner.token,
      () =>
        stage.world.call('DELETE', `/v1/authentication/users/sessions/${stage.owner.sessionId}`, {
          token: stage.owner.token,
        }),
      [401, 'unauthenticated'],
    ],
    [
      'the manager becomes a plain member',
      () => stage.manager.token,
      () => asAdmin('DELETE', `${organization()}/managers/${stage.manager.userId}`),
      [403, 'access_denied'],
    ],
    [
      'the machine user loses its secret',
      () => stage.machine.token,
      () =>
        test.db.query(sql`
          DELETE FROM machine_secrets
          WHERE app_id = ${stage.world.appId} AND machine_user_id = ${stage.machine.machineUserId}`),
      [401, 'unauthenticated'],
    ],
    [
      'the super admin is none any more',
      () => stage.world.admin.token,
      () =>
        test.db.query(sql`
          UPDATE users SET is_super_admin = false
          WHERE app_id = ${stage.world.appId} AND id = ${stage.world.admin.userId}`),
      [404, 'organization_not_found'],
    ],
  ])('is refused if %s', async (_, token, meanwhile, expected) => {
    const { status, body } = await hold(change(token()), meanwhile);
    expect([status, body.code]).toEqual(expected);
  });
});
