import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sql } from '../db/db.ts';
import { errorHelp } from './error-help.ts';
import { errorCodes } from '../http/errors.ts';
import { openPostgresql } from '../db/postgresql.ts';
import { patientLimits, urlOfDatabase, whileLocked } from '../test/database.ts';
import { buildTestApp, masterKey, type TestApp } from '../test/setup.ts';
import { startMetricsListener } from './metrics.ts';

let test: TestApp;
beforeAll(async () => {
  test = await buildTestApp();
});
afterAll(() => test.close());

const get = (url: string, headers: Record<string, string> = {}) => test.app.inject({ method: 'GET', url, headers });

/** Runs `work` with an app that has other settings. */
async function withApp<Result>(
  env: Record<string, string>,
  work: (other: TestApp) => Promise<Result>,
): Promise<Result> {
  const other = await buildTestApp({ env });
  try {
    return await work(other);
  } finally {
    await other.close();
  }
}

const production = {
  NODE_ENV: 'production',
  ALLOW_EMBEDDED: 'true',
  MASTER_KEY: masterKey.toString('base64'),
  SMTP_URL: 'smtp://127.0.0.1:2525',
};

describe('health', () => {
  it('the health check responds while the service runs', async () => {
    const response = await get('/healthz?from=probe');
    expect([response.statusCode, response.json()]).toEqual([200, { status: 'ok' }]);
  });

  it('is ready when the database answers and is current', async () => {
    const response = await get('/readyz');
    expect([response.statusCode, response.json()]).toEqual([200, { status: 'ready' }]);
  });

  it('is not ready while a migration is missing', async () => {
    await withApp({}, async ({ app, db }) => {
      await db.query(sql`DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)`);
      const response = await app.inject('/readyz');
      expect([response.statusCode, response.json().code]).toEqual([503, 'database_unavailable']);
      expect(response.headers['retry-after']).toBe('1');
    });
  });

  it('is alive but not ready without a database', async () => {
    await withApp({}, async ({ app, db }) => {
      await db.close();
      expect((await app.inject('/healthz')).statusCode).toBe(200);
      const response = await app.inject('/readyz');
      expect([response.statusCode, response.json().code]).toEqual([503, 'database_unavailable']);
    });
  });
});

describe('the metrics', () => {
  it('measure responses by method, route pattern and status', async () => {
    await get('/errors/nonsense');
    await get('/no/such/route');
    const { headers, body } = await get('/metrics');
    expect(headers['content-type']).toContain('text/plain');
    expect(body).toMatch(/http_request_duration_seconds_count\{method="GET",route="\/errors\/:code",status="404"\} 1/);
    expect(body).toMatch(/http_request_duration_seconds_count\{method="GET",route="none",status="404"\} 1/);
    expect(body).not.toContain('/no/such/route');
    expect(body).toContain('process_cpu_seconds_total');
  });

  it('report how busy the database and the hashing of passwords are', async () => {
    const { body } = await get('/metrics');
    expect(body).toMatch(/^gatehouse_database_failures_total\{code="storage_full"\} 0$/m);
    expect(body).toMatch(/^gatehouse_api_key_uses_total\{outcome="over_quota"\} 0$/m);
    expect(body).toMatch(/^gatehouse_password_hashes\{state="waiting"\} 0$/m);
    expect(body).toMatch(/^gatehouse_breached_password_checks_total\{outcome="failed"\} 0$/m);
    expect(body).toMatch(/^gatehouse_password_hash_expected_wait_seconds 0$/m);
    expect(body).toMatch(/^gatehouse_database_up 1$/m);
    expect(body).toMatch(/^gatehouse_database_read_only 0$/m);
    for (const state of ['used', 'idle']) {
      expect(body).toMatch(
        new RegExp(`^gatehouse_database_pool_connections\\{pool="calls",state="${state}"\\} \\d+$`, 'm'),
      );
    }
    expect(body).toMatch(/^gatehouse_database_pool_waiting\{pool="calls"\} 0$/m);
    expect(body).toMatch(/^gatehouse_database_pool_size\{pool="calls"\} [1-9]\d*$/m);
    expect(body).toMatch(/^gatehouse_id_lease_remaining_seconds \+Inf$/m);
  });

  it('have the prefix of the service, unless a convention names them', async () => {
    const { body } = await get('/metrics');
    const names = [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
    expect(names.filter((name) => !/^(gatehouse|http|nodejs|process)_/.test(name))).toEqual([]);
  });

  it('say that the database is unreachable', async () => {
    await withApp({}, async ({ app, db }) => {
      await db.close();
      const { statusCode, body } = await app.inject('/metrics');
      expect(statusCode).toBe(200);
      expect(body).toMatch(/^gatehouse_database_up 0$/m);
      expect(body).not.toMatch(
        /^(gatehouse_database_read_only|gatehouse_outbox_mails|gatehouse_apps_matching_redirects_by_origin)[ {]/m,
      );
    });
  });

  it.runIf(process.env['TEST_DATABASE_URL'])(
    'do not wait for a result that the database cannot return now',
    async () => {
      const lock = sql`LOCK TABLE mails IN ACCESS EXCLUSIVE MODE`;
      const bodies = await whileLocked(test.db, lock, () => Promise.all([get('/metrics'), get('/metrics')]));
      for (const { statusCode, body } of bodies) {
        expect(statusCode).toBe(200);
        expect(body).toMatch(/^gatehouse_database_up 1$/m);
        expect(body).not.toMatch(/^gatehouse_outbox_mails\{/m);
      }
      expect((await get('/metrics')).body).toMatch(/^gatehouse_outbox_mails\{state="queued"\} 0$/m);
    },
  );

  it.runIf(process.env['TEST_DATABASE_URL'])(
    'count the connections in use, and the calls that wait for one',
    async () => {
      const lookupDb = test.db;
      const db = await openPostgresql({
        url: await urlOfDatabase(test.db),
        poolSize: 1,
        prepare: true,
        log: () => {},
        limits: patientLimits,
      });
      const other = await buildTestApp({ db, lookupDb });
      try {
        await db.transaction(async (tx) => {
          await tx.query(sql`SELECT 1`);
          const waiting = db.query(sql`SELECT 1`);
          const text = await other.app.metrics.text();
          expect(text).toMatch(/^gatehouse_database_pool_connections\{pool="calls",state="used"\} 1$/m);
          // The count of mails waits, too.
          expect(text).toMatch(/^gatehouse_database_pool_waiting\{pool="calls"\} [1-9]$/m);
          expect(text).toMatch(/^gatehouse_database_pool_waiting\{pool="lookups"\} 0$/m);
          void waiting;
        });
      } finally {
        await other.close();
      }
    },
  );

  it('the metrics of one app are separate from those of another in the same process', async () => {
    await get('/healthz');
    const body = await withApp({}, async ({ app }) => (await app.inject('/metrics')).body);
    expect(body).not.toContain('/healthz');
  });

  it('need the token if a token is configured', async () => {
    const METRICS_TOKEN = 'metrics-token-of-the-tests-0123456789';
    await withApp({ ...production, METRICS_TOKEN }, async ({ app }) => {
      const answer = (authorization?: string) =>
        app.inject({ url: '/metrics', headers: authorization === undefined ? {} : { authorization } });
      expect((await answer()).statusCode).toBe(401);
      expect((await answer('Bearer wrong')).statusCode).toBe(401);
      expect((await answer(`bearer ${METRICS_TOKEN}`)).statusCode).toBe(200);
    });
  });

  it('do not exist in production without a token', async () => {
    const response = await withApp(production, ({ app }) => app.inject('/metrics'));
    expect([response.statusCode, response.json().code]).toEqual([404, 'route_not_found']);
  });

  it('do not exist in development if the network can reach the service', async () => {
    const env = { HOST: '0.0.0.0', SMTP_URL: 'smtp://localhost:1025', MASTER_KEY: masterKey.toString('base64') };
    const response = await withApp(env, ({ app }) => app.inject('/metrics'));
    expect([response.statusCode, response.json().code]).toEqual([404, 'route_not_found']);
  });

  it('move to a port of their own', async () => {
    await withApp({ METRICS_PORT: '9464' }, async ({ app }) => {
      expect((await app.inject('/metrics')).statusCode).toBe(404);
      const listener = await startMetricsListener(app.metrics, { host: '127.0.0.1', port: 0 }, () => {});
      const { port } = listener.address() as AddressInfo;
      const response = await fetch(`http://127.0.0.1:${port}/metrics`);
      expect([response.status, await response.text()]).toEqual([
        200,
        expect.stringContaining('process_cpu_seconds_total'),
      ]);
      expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(404);
      await new Promise((resolve) => void listener.close(resolve));
    });
  });
});

describe('the OpenAPI document', () => {
  it('is served in the packing that the caller can open', async () => {
    const plain = await get('/openapi.json');
    const brotli = await get('/openapi.json', { 'accept-encoding': 'gzip, deflate, br' });
    const gzip = await get('/openapi.json', { 'accept-encoding': 'gzip, br;q=0' });
    expect(plain.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(plain.json().openapi).toBe('3.1.1');
    expect([plain, brotli, gzip].map(({ headers }) => headers['content-encoding'])).toEqual([undefined, 'br', 'gzip']);
    expect(brotliDecompressSync(brotli.rawPayload)).toEqual(plain.rawPayload);
    expect(gunzipSync(gzip.rawPayload)).toEqual(plain.rawPayload);
    expect(plain.headers.vary).toContain('Accept-Encoding');
  });

  it('is not sent again to anyone who has it', async () => {
    const { headers } = await get('/openapi.json');
    const again = await get('/openapi.json', { 'if-none-match': String(headers.etag) });
    expect([again.statusCode, again.body]).toEqual([304, '']);
  });
});

describe('the reference', () => {
  it.each(['/', '/?utm_source=mail'])('is linked from the front page at %s', async (url) => {
    const { statusCode, body } = await get(url);
    expect([statusCode, body]).toEqual([200, expect.stringContaining('href="/docs"')]);
  });

  it('loads nothing from other hosts and runs no script but ours', async () => {
    const { headers, body } = await get('/docs?utm_source=mail');
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self';");
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(body).not.toMatch(/https?:/);
    expect(body).not.toMatch(/<script[^>]*>[^<]/);
  });

  it('has its files at addresses that change with their content', async () => {
    const { body } = await get('/docs');
    const urls = [...body.matchAll(/src="([^"]+)"/g)].map(([, url = '']) => url);
    expect(urls).toHaveLength(2);
    for (const url of urls) {
      const file = await get(url, { 'accept-encoding': 'br' });
      expect([file.statusCode, file.headers['content-type']]).toEqual([200, 'text/javascript; charset=utf-8']);
      expect(file.headers['cache-control']).toBe('public, max-age=31536000, immutable');
    }
  });

  it.each(['/docs/assets/scalar.js', '/docs/assets/..%2fpackage.json', '/docs/assets/docs.js.br'])(
    'has no file %s',
    async (url) => {
      const response = await get(url);
      expect([response.statusCode, response.json().code]).toEqual([404, 'route_not_found']);
    },
  );
});

describe('the error pages', () => {
  it.each(Object.entries(errorCodes))('explain %s', async (code, [status, title, detail]) => {
    const page = await get(`/errors/${code}`);
    expect([page.statusCode, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers['content-security-policy']).toContain("style-src 'self'");
    for (const text of [code, title, `status ${status}`]) expect(page.body).toContain(text);
    const twin = await get(`/errors/${code}.md`);
    expect([twin.statusCode, twin.headers['content-type']]).toEqual([200, 'text/markdown; charset=utf-8']);
    for (const text of [code, title, `status ${status}`, detail]) expect(twin.body).toContain(text);
  });

  it.each(Object.entries(errorHelp))('name the usual causes of %s, and the remedy', async (code, help) => {
    const plain = (await get(`/errors/${code}`)).body
      .replaceAll(/<[^>]+>/g, '')
      .replaceAll('&quot;', '"')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>');
    const twin = (await get(`/errors/${code}.md`)).body;
    for (const text of [help.cause, help.remedy]) {
      expect(text).toMatch(/^[A-Z`].{15,}\.$/);
      expect(plain).toContain(text.replaceAll('`', ''));
      expect(twin).toContain(text);
    }
  });

  it('exist for the same codes as the help', () => {
    expect(Object.keys(errorHelp).toSorted()).toEqual(Object.keys(errorCodes).toSorted());
  });

  it('escape the values that they show', async () => {
    expect((await get('/errors/metadata_key_reserved')).body).toContain('begin with &quot;app:&quot;');
  });

  it.each(['/errors', '/errors/validation_failed'])('set code as code (%s)', async (url) => {
    const { body } = await get(url);
    expect(body).toContain('<code>errors</code> lists every invalid field.');
    expect(body.replace(/<pre>.*?<\/pre>/s, '')).not.toContain('`');
  });

  it('show the list of faults if there is one', async () => {
    for (const end of ['', '.md']) {
      const text = (await get(`/errors/validation_failed${end}`)).body.replaceAll('&quot;', '"');
      expect(text).toContain('"pointer": "/body/email"');
    }
  });

  it('name the operations that may answer the code, and lead to them', async () => {
    const { body } = await get('/errors/precondition_failed');
    expect(body).toContain('href="/docs#tag/authorization/PATCH/v1/authorization/organizations/{orgId}"');
  });

  it('are listed', async () => {
    const { body } = await get('/errors');
    for (const code of Object.keys(errorCodes)) expect(body).toContain(`href="/errors/${code}"`);
  });

  it.each(['/errors/nonsense', '/errors/nonsense.md', '/errors/constructor', '/errors/.md'])(
    'do not know %s',
    async (url) => {
      const response = await get(url);
      expect([response.statusCode, response.json().code]).toEqual([404, 'route_not_found']);
    },
  );
});
