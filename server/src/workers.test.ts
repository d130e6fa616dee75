import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sql } from './db/db.ts';
import { passwordOf, tokenOf } from './test/service-admin.ts';
import { isReady, linesOf, recordsOf } from './test/service-log.ts';
import { makePlace, type ServicePlace } from './test/service-place.ts';
import { runService, type ServiceProcess, startService } from './test/service-process.ts';

// A start of the whole service takes its time, more so on a machine with other work.
vi.setConfig({ testTimeout: 90_000 });

let place: ServicePlace;
let running: ServiceProcess[];

beforeEach(async () => {
  place = await makePlace();
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((service) => service.stop('SIGKILL')));
  await place.remove();
});

async function start(more: Record<string, string> = {}): Promise<ServiceProcess> {
  const service = await startService({ ...place.env, ...more });
  running.push(service);
  return service;
}

describe.runIf(process.env['TEST_DATABASE_URL'] !== undefined)('several workers', () => {
  test('serve one port, each ready in turn, and end together', async () => {
    const service = await start({ WORKERS: '2' });
    const password = passwordOf(service.stdout());
    while (service.stdout().split('the service is ready').length < 3) await once(service.output, 'data');
    const answers = await Promise.all([tokenOf(service, password), tokenOf(service, password)]);
    expect(answers).toHaveLength(2);
    const { code, stdout, stderr } = await service.stop();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('First start')).toHaveLength(2);
  });

  test.each(['PORT', 'METRICS_PORT'])('are not started on a port that is taken: %s', async (variable) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { code, stdout, stderr } = await runService({ ...place.env, WORKERS: '2', [variable]: String(port) });
    other.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^Gatehouse cannot start.\n${variable} cannot be used: .* ${port} .*\n$`));
    expect(stdout).not.toContain('First start');
    expect(await place.onDatabase((db) => db.query(sql`SELECT 1 FROM apps`))).toEqual([]);
  });

  test('have metrics while one of them is starting or stuck', async () => {
    const metrics = async (service: ServiceProcess): Promise<string> => {
      const { port } = linesOf(service).find(({ msg }) => msg === 'metrics are served') ?? {};
      const answer = await fetch(`http://127.0.0.1:${String(port)}/metrics`);
      expect(answer.status).toBe(200);
      return answer.text();
    };
    const DATABASE_URL = `${place.env['DATABASE_URL']}?lock_timeout=300000`;
    const service = await place.onDatabase((db) =>
      db.transaction(async (tx) => {
        await tx.query(sql`LOCK TABLE apps IN EXCLUSIVE MODE`);
        const env = { ...place.env, DATABASE_URL, WORKERS: '2', METRICS_PORT: '0' };
        const starting = await startService(env, { until: 'listening' });
        running.push(starting);
        expect(await metrics(starting)).toMatch(/^gatehouse_workers\{state="configured"\} 2$/m);
        return starting;
      }),
    );
    while (!service.stdout().includes('the service is ready')) await once(service.output, 'data');
    expect(await metrics(service)).toMatch(/^gatehouse_workers\{state="reporting"\} [12]$/m);
    while (service.stdout().split('the service is ready').length < 3) await once(service.output, 'data');
    const worker = linesOf(service).find(isReady);
    process.kill(Number(worker?.['pid']), 'SIGSTOP');
    try {
      for (let times = 0; times < 2; times += 1) {
        const text = await metrics(service);
        expect(text).toMatch(/^gatehouse_workers\{state="reporting"\} 1$/m);
        expect(text).toMatch(/^gatehouse_database_up 1$/m);
      }
    } finally {
      process.kill(Number(worker?.['pid']), 'SIGCONT');
    }
    while (!(await metrics(service)).includes('gatehouse_workers{state="reporting"} 2'));
    expect(await service.stop()).toMatchObject({ code: 0 });
  });

  test('are replaced when they crash, which is logged', async () => {
    const service = await start({ WORKERS: '2' });
    while (linesOf(service).filter(isReady).length < 2) await once(service.output, 'data');
    const worker = linesOf(service).find(isReady);
    process.kill(Number(worker?.['pid']), 'SIGKILL');
    while (linesOf(service).filter(isReady).length < 3) await once(service.output, 'data');
    const { stdout, stderr } = await service.stop();
    expect({ log: recordsOf(stdout), stderr }).toEqual({
      log: expect.arrayContaining([
        expect.objectContaining({ level: 50, msg: expect.stringMatching(/^A worker ended/), signal: 'SIGKILL' }),
      ]),
      stderr: '',
    });
  });
});
