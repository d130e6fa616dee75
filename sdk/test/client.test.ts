import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { operations } from '../src/generated/operations.ts';
import { clientOver, createClient, GatehouseConnectionError, GatehouseError, machineClient } from '../src/index.ts';
import { nouns } from '../src/nouns.ts';
import type { PreparedRequest } from '../src/transport.ts';

const url = (path: string) => new URL(path, import.meta.url);
const options = { baseUrl: 'https://id.example.com', appName: 'demo', maxRetryDelayMs: 5_000 };

/** A fetch that returns these responses in turn, and records the requests. */
function answering(...answers: (() => Response | Promise<Response>)[]) {
  const asked: Request[] = [];
  const fetch = (input: string | URL | Request, init?: RequestInit) => {
    asked.push(new Request(input, init));
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    return Promise.resolve().then(() => answer?.() ?? Response.error());
  };
  return { asked, fetch };
}

const ok =
  (body: object = {}) =>
  () =>
    Response.json(body);
const problem =
  (status: number, code: string, headers: Record<string, string> = {}) =>
  () =>
    Response.json({ status, code, detail: `It is ${code}.`, requestId: 'r-1' }, { status, headers });
const fails = () => Promise.reject<Response>(new TypeError('fetch failed'));

describe('every operation', () => {
  it('has a noun and a verb, and only one of each', () => {
    const named = Object.values(nouns).flatMap((verbs) => Object.values(verbs) as string[]);
    expect(named.toSorted()).toEqual(Object.keys(operations).toSorted());
  });

  interface Conformance {
    call: string;
    arguments: unknown[];
    request: { method: string; path: string; headers: object; body?: object };
  }
  const calls = JSON.parse(readFileSync(url('calls.json'), 'utf8')) as Conformance[];

  it.each(calls.map((entry) => [entry.call, entry] as const))('%s is sent as the table says', async (_, entry) => {
    const sent: PreparedRequest[] = [];
    const client = clientOver((request) => {
      sent.push(request);
      return Promise.resolve(Response.json({}));
    });
    const [noun = '', verb = ''] = entry.call.split('.');
    const named = client as unknown as Record<string, Record<string, (...args: unknown[]) => Promise<unknown>>>;
    await named[noun]?.[verb]?.(...entry.arguments);
    const [{ body, ...request } = { body: undefined }] = sent;
    const { body: expected, ...rest } = entry.request;
    expect(request).toEqual(rest);
    expect(body === undefined ? undefined : JSON.parse(body)).toEqual(expected);
  });

  it.each(['', undefined])('refuses %j as an id: the path would be that of another operation', async (id) => {
    const client = createClient({ ...options, ...answering(ok()) });
    await expect(client.organizations.delete(id as string)).rejects.toThrow(TypeError);
  });
});

describe('a refusal', () => {
  it('is an error with code, status and request id, and without the token', async () => {
    const { fetch } = answering(problem(403, 'access_denied'));
    const client = createClient({ ...options, fetch, token: 'gh_s_secret' });
    const error = await client.organizations.update('1', { metadata: {} }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(GatehouseError);
    expect(error).toMatchObject({
      status: 403,
      code: 'access_denied',
      requestId: 'r-1',
      message: 'It is access_denied.',
    });
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain('gh_s_secret');
  });

  it.each([
    ['the answer of a proxy', () => new Response('<html>', { status: 502 }), { status: 502, code: 'unknown' }],
    ['a 401 without a body', () => new Response(null, { status: 401 }), { status: 401, code: 'unauthenticated' }],
  ])('a refusal that is %s is a refusal, too', async (_, answer, expected) => {
    const client = createClient({ ...options, ...answering(answer), retries: 0 });
    await expect(client.users.me()).rejects.toMatchObject(expected);
  });
});

describe('a sign-in whose second factor is missing', () => {
  const factors = [{ id: '7', kind: 'totp', name: 'Phone' }];
  const body = { status: 403, code: 'mfa_required', detail: 'Finish it.', mfaToken: 'gh_f_secret', factors };
  const refusal = async (headers: Record<string, string>) => {
    const { fetch } = answering(() => Response.json(body, { status: 403, headers }));
    const client = createClient({ ...options, fetch });
    return client.sessions.signIn({ email: 'a@example.com', password: 'x' }).catch((error: unknown) => error);
  };

  it('has the token that finishes it, but not in a log', async () => {
    const error = await refusal({ 'x-device-token': 'gh_d_secret' });
    if (!(error instanceof GatehouseError)) throw new Error('no refusal');
    expect(error.pendingSignIn).toEqual({ mfaToken: 'gh_f_secret', factors, deviceToken: 'gh_d_secret' });
    expect(inspect(error, { depth: 9 }) + JSON.stringify(error)).not.toContain('secret');
  });

  it('has no device token in browsers, which send it as a cookie', async () => {
    expect(await refusal({})).toMatchObject({ pendingSignIn: { deviceToken: undefined } });
  });

  it('is not in other refusals', async () => {
    const { fetch } = answering(problem(403, 'access_denied'));
    const error = await createClient({ ...options, fetch })
      .users.me()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ pendingSignIn: undefined });
  });
});

describe('another attempt', () => {
  it.each([
    ['a read after a connection that failed', 'read', fails, 3],
    ['a read after a 502', 'read', () => new Response('', { status: 502 }), 3],
    ['a change after a connection that failed', 'change', fails, 1],
    ['a change after a 502', 'change', () => new Response('', { status: 502 }), 1],
    ['a change that the service refused before it began', 'change', problem(503, 'database_busy'), 3],
    ['a change of unknown outcome', 'change', problem(503, 'outcome_unknown'), 1],
    ['a creation with a key after a connection that failed', 'create', fails, 3],
    ['a read that is not allowed', 'read', problem(403, 'access_denied'), 1],
    ['a read that must wait too long', 'read', problem(429, 'rate_limited', { 'retry-after': '60' }), 1],
  ] as const)('%s', async (_, kind, answer, attempts) => {
    const { asked, fetch } = answering(answer);
    const client = createClient({ ...options, fetch });
    const calls = {
      read: () => client.users.me(),
      change: () => client.organizations.update('1', { metadata: { a: 'b' } }),
      create: () => client.machineUsers.create({ userName: 'robot' }),
    };
    await expect(calls[kind]()).rejects.toThrow(/./);
    expect(asked).toHaveLength(attempts);
    const keys = new Set(asked.map(({ headers }) => headers.get('idempotency-key')));
    expect(keys.size).toBe(1);
  });

  it('succeeds when the service does', async () => {
    const { fetch } = answering(fails, problem(503, 'overloaded', { 'retry-after': '0' }), ok({ userId: '7' }));
    await expect(createClient({ ...options, fetch }).users.me()).resolves.toEqual({ userId: '7' });
  });

  it('ends when the caller cancels the call', async () => {
    const controller = new AbortController();
    const { asked, fetch } = answering(() => {
      controller.abort(new Error('given up'));
      return problem(503, 'overloaded', { 'retry-after': '4' })();
    });
    const client = createClient({ ...options, fetch });
    await expect(client.users.me({}, { signal: controller.signal })).rejects.toThrow('given up');
    expect(asked).toHaveLength(1);
  });
});

describe('headers', () => {
  it.each(['demo\r\nX-Evil: 1', '', ' demo'])('app name %j is refused', (appName) => {
    expect(() => createClient({ ...options, appName })).toThrow(TypeError);
  });

  it('a token with a line break is refused, and not sent', async () => {
    const { asked, fetch } = answering(ok());
    await expect(createClient({ ...options, fetch, token: 'a\nb' }).users.me()).rejects.toThrow(TypeError);
    expect(asked).toEqual([]);
  });

  it.each(['', '.', '..'])('an id %j, which would lead to another path, is refused, and not sent', async (id) => {
    const { asked, fetch } = answering(ok());
    const client = createClient({ ...options, fetch, token: 't' });
    await expect(client.organizations.delete(id)).rejects.toThrow(TypeError);
    await expect(client.roles.delete('1', id)).rejects.toThrow(TypeError);
    await expect(client.members.setRoles(id, '1', { roles: [] })).rejects.toThrow(TypeError);
    expect(asked).toEqual([]);
  });

  it.each([301, 302, 303, 307, 308])(
    'a redirect (%i) is not followed: it would take the token along',
    async (status) => {
      const redirect = () => new Response(null, { status, headers: { location: 'https://elsewhere.example.com/' } });
      const { asked, fetch } = answering(redirect);
      const client = createClient({ ...options, fetch, retries: 0, token: 'gh_s_secret' });
      await expect(client.users.me()).rejects.toThrow(GatehouseConnectionError);
      // Edge runtimes do not support `error`, and `follow` would forward the token.
      expect(asked.map(({ redirect: mode, url: address }) => [mode, new URL(address).host])).toEqual([
        ['manual', 'id.example.com'],
      ]);
    },
  );

  it('a redirect that a browser hides is not followed either', async () => {
    const hidden = Object.defineProperty(Response.error(), 'type', { value: 'opaqueredirect' });
    const client = createClient({ ...options, ...answering(() => hidden), retries: 0 });
    await expect(client.users.me()).rejects.toThrow('answered with a redirect');
  });
});

it('a call that takes too long is cancelled', async () => {
  const fetch = (_: unknown, init?: RequestInit) =>
    new Promise<Response>((_resolve, reject) =>
      init?.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error)),
    );
  const client = createClient({ ...options, fetch, timeoutMs: 20, retries: 0 });
  await expect(client.users.me()).rejects.toThrow(GatehouseConnectionError);
});

it('a list is read page by page', async () => {
  const { asked, fetch } = answering(
    ok({ metadata: { total: 3, nextCursor: 'c1' }, organizations: [{ id: '1' }, { id: '2' }] }),
    ok({ metadata: { total: 3 }, organizations: [{ id: '3' }] }),
  );
  const ids: string[] = [];
  for await (const { id } of createClient({ ...options, fetch }).organizations.list.each({ pageSize: 2 })) ids.push(id);
  expect(ids).toEqual(['1', '2', '3']);
  expect(asked.map(({ url: address }) => new URL(address).search)).toEqual(['?pageSize=2', '?pageSize=2&cursor=c1']);
});

describe('a machine client', () => {
  const machine = { ...options, clientId: '1', clientSecret: 'gh_m_secret' };
  const tokenRequests = (asked: Request[]) =>
    asked.filter(({ url: address }) => address.endsWith('/access-token')).length;

  it('requests one token for all concurrent calls, and reuses it', async () => {
    let number = 0;
    const { asked, fetch } = answering(() =>
      Response.json(
        asked.at(-1)?.url.endsWith('/access-token') ? { token: `t${++number}`, expiresInSeconds: 3600 } : {},
      ),
    );
    const client = machineClient({ ...machine, fetch });
    await Promise.all(Array.from({ length: 10 }, () => client.users.get('7')));
    await client.users.get('7');
    expect(tokenRequests(asked)).toBe(1);
  });

  it('renews a token once for all calls whose token is about to end', async () => {
    const { asked, fetch } = answering(() => Response.json({ token: 't', expiresInSeconds: 0 }));
    const client = machineClient({ ...machine, fetch });
    await client.users.get('7');
    const before = tokenRequests(asked);
    await Promise.all(Array.from({ length: 10 }, () => client.users.get('7')));
    expect(tokenRequests(asked) - before).toBeLessThanOrEqual(2);
  });

  it('renews a token that is no longer accepted, once', async () => {
    let number = 0;
    const { asked, fetch } = answering(() => {
      const last = asked.at(-1);
      if (last?.url.endsWith('/access-token')) return Response.json({ token: `t${++number}`, expiresInSeconds: 3600 });
      return last?.headers.get('authorization') === 'Bearer t1' ? problem(401, 'unauthenticated')() : Response.json({});
    });
    const client = machineClient({ ...machine, fetch });
    await Promise.all(Array.from({ length: 5 }, () => client.users.get('7')));
    expect(tokenRequests(asked)).toBe(2);
  });

  it('reports that id or secret is wrong, and requests again with the next call', async () => {
    const { asked, fetch } = answering(problem(401, 'invalid_client'));
    const client = machineClient({ ...machine, fetch });
    await expect(client.users.get('7')).rejects.toMatchObject({ code: 'invalid_client' });
    await expect(client.users.get('7')).rejects.toMatchObject({ code: 'invalid_client' });
    expect(tokenRequests(asked)).toBe(2);
  });
});
