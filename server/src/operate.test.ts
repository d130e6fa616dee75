import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runOperate } from './test/operate-process.ts';
import { makePlace, type ServicePlace } from './test/service-place.ts';
import { type ServiceProcess, startService } from './test/service-process.ts';

// A start of the whole service takes long, especially on a busy machine.
vi.setConfig({ testTimeout: 90_000 });

const onServer = process.env['TEST_DATABASE_URL'] !== undefined;

let place: ServicePlace;
let service: ServiceProcess | undefined;

beforeEach(async () => {
  place = await makePlace();
});
afterEach(async () => {
  await service?.stop('SIGKILL');
  service = undefined;
  await place.remove();
});

const stopIt = 'The embedded database allows only one process: stop the service, run the command, start the service.';
const commands = [
  ['list-mails'],
  ['retry-mail', 'all'],
  ['list-keys', 'demo'],
  ['rotate-key', 'demo'],
  ['revoke-key', 'demo', 'kid'],
  ['reseal'],
  ['list-unclaimed', 'demo'],
  ['list-api-keys', 'demo'],
  ['end-api-key', 'demo', '1'],
  ['list-organization-machines', 'demo'],
  ['end-organization-machine', 'demo', '1'],
  ['reset-admin-password', 'demo', 'admin@example.com'],
  ['create-admin', 'demo', 'second@example.com'],
];

test.runIf(!onServer)('each command says that the embedded database must be stopped for it', async () => {
  service = await startService(place.env);
  for (const command of commands) {
    const { code, stdout, stderr } = await runOperate(place.env, ...command);
    expect({ command, code, stdout }).toEqual({ command, code: 1, stdout: '' });
    expect(stderr).toContain('is in use by process');
    expect(stderr).toContain(stopIt);
    expect(stderr).not.toMatch(/\n\s+at /);
  }
  const { code, stdout } = await runOperate(place.env, 'doctor');
  expect([code, stdout]).toEqual([
    1,
    expect.stringMatching(/^fault {2}database {2}.* is in use by process .*start the service\.\n$/),
  ]);
  expect((await service.call('GET', '/readyz')).status).toBe(200);
});

test('the exit code of doctor says whether it found an error', async () => {
  service = await startService(place.env);
  if (!onServer) await service.stop();
  const { code, stdout, stderr } = await runOperate(place.env, 'doctor', '--json');
  const { findings } = JSON.parse(stdout) as { findings: { area: string; message: string }[] };
  // A test server may lose commits in a crash. This is the only finding.
  expect(findings.filter(({ message }) => !message.startsWith('synchronous_commit is off'))).toEqual([]);
  expect({ code, stderr }).toEqual({ code: findings.length === 0 ? 0 : 1, stderr: '' });
  const faulty = await runOperate({ ...place.env, PORT: 'http' }, 'doctor');
  expect([faulty.code, faulty.stdout]).toEqual([1, expect.stringMatching(/^fault {2}configuration {2}PORT must be/)]);
});

test.runIf(onServer)('a command prints warnings of the database on standard error', async () => {
  const env = { ...place.env, DATABASE_URL: `${place.env['DATABASE_URL']}?statement_timeout=0` };
  const { code, stdout, stderr } = await runOperate(env, 'list-mails');
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toMatch(/^warn: The database, or the pooler in front of it, does not limit .*statement_timeout/);
});
