import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { makePlace, type ServicePlace } from './test/service-place.ts';
import { runService, type ServiceProcess, startService } from './test/service-process.ts';

// A start of the whole service takes long, especially on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

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

const statusAt = (host: string, { port }: ServiceProcess): Promise<number | 'closed'> =>
  fetch(`http://${host}:${port}/readyz`).then(
    ({ status }) => status,
    () => 'closed',
  );

// Programs that resolve `localhost` to ::1 first would reach another service there.
describe.runIf(hasIpv6)('the address ::1', () => {
  test('refuses the start if its port is taken', async () => {
    const other = createServer().listen(0, '::1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { code, stdout, stderr } = await runService({ ...place.env, PORT: String(port) });
    other.close();
    expect([code, stderr]).toEqual([
      1,
      `Gatehouse cannot start.\nPORT cannot be used: something listens on port ${port} of ::1 already (EADDRINUSE)\n`,
    ]);
    expect(stdout).not.toContain('First start');
  });

  test('is absent if HOST is another address', async () => {
    const service = await start({ HOST: '127.0.0.1' });
    expect(await statusAt('127.0.0.1', service)).toBe(200);
    expect(await statusAt('[::1]', service)).toBe('closed');
  });

  test('serves like the first, and ends with the service', async () => {
    const service = await start();
    expect(await statusAt('[::1]', service)).toBe(200);
    const idle = connect(service.port, '::1');
    await once(idle, 'connect');
    const closed = once(idle.resume(), 'close');
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
    await closed;
    expect(await statusAt('[::1]', service)).toBe('closed');
  });

  test.runIf(process.env['TEST_DATABASE_URL'])('is served by several workers', async () => {
    const service = await start({ WORKERS: '2' });
    while (service.stdout().split('the service is ready').length < 3) await once(service.output, 'data');
    expect(await Promise.all([1, 2, 3].map(() => statusAt('[::1]', service)))).toEqual([200, 200, 200]);
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
  });
});
