/**
 * Starts the servers that docs/recipes/*.md show, and calls them as people, API keys and machine users. Checks that
 * callers with permission are accepted and other callers are refused. The files are those of the pages; the versions of
 * dependencies are those of the lock files of the checkout.
 *
 *   npm run build
 *   node .ci/tools/samples/protect.js express fastify hono next fastapi go spring
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { admin } from '../service.js';
import { root, run } from './samples.js';
import { installForNode, withServer, writeFiles } from './servers.js';
import { audience, withTokens } from './tokens.js';

/** @param {string} program @returns {(directory: string) => Promise<() => string[]>} */
const withTsx = (program) => async (directory) => {
  await installForNode(dirname(directory));
  return () => [process.execPath, '--import', import.meta.resolve('tsx'), program];
};

/** Installs an example in a directory, as its guide says. Each returns the command that starts it. */
const examples = {
  /** @param {string} directory */
  express: async (directory) => {
    await installForNode(dirname(directory));
    return () => ['node', 'app.js'];
  },
  fastify: withTsx('app.ts'),
  hono: withTsx('app.ts'),
  // Next.js is not installed. A small server calls the exported functions.
  next: withTsx(join(root, '.ci/tools/frameworks/serve-route.mts')),
  /** @param {string} directory */
  fastapi: async (directory) => {
    await run(['python3', '-m', 'venv', 'venv'], { cwd: directory });
    const options = ['--quiet', '--disable-pip-version-check', '--no-deps', '--require-hashes'];
    await run(['venv/bin/pip', 'install', ...options, '-r', 'requirements.txt'], { cwd: directory });
    /** @param {number} port */
    return (port) => ['venv/bin/uvicorn', 'main:app', '--log-level', 'warning', '--port', String(port)];
  },
  /** @param {string} directory */
  go: async (directory) => {
    await run(['go', 'build', '-o', 'server', '.'], { cwd: directory });
    return () => ['./server'];
  },
  /** @param {string} directory */
  spring: async (directory) => {
    await run(['mvn', '-q', '-B', '-Dstyle.color=never', 'package'], { cwd: directory });
    return () => ['java', '-jar', 'target/documents-server-1.jar'];
  },
};

/** @typedef {Parameters<Parameters<typeof withTokens>[0]>[0]} World */

/**
 * Signs somebody up, and adds them to the organization.
 *
 * @param {World} world
 * @param {string} name
 * @param {string} role
 */
async function tokensOf({ call, session, orgId }, name, role) {
  const email = `${name}@example.com`;
  const account = { email, password: admin.password, firstName: name, lastName: 'Example' };
  const { userId } = await call('POST', '/v1/authentication/users', '', account);
  const path = `/v1/authorization/organizations/users/${userId}`;
  await call('POST', path, session, { roles: [role] }, { 'X-Iam-Orgid': orgId });
  const credentials = { email, password: admin.password };
  const { sessionToken } = await call('POST', '/v1/authentication/users/sessions', '', credentials);
  /** @param {object} more */
  const token = async (more) =>
    (await call('POST', '/v1/authentication/users/me/access-token', sessionToken, { audience, ...more })).token;
  return { session: sessionToken, inOrganization: await token({ organizationId: orgId }), plain: await token({}) };
}

/** The token of a machine user of the organization. @param {World} world @param {string} role */
async function organizationMachine({ call, session, orgId }, role) {
  await call('PATCH', '/v1/authorization/apps/settings', session, { organizationMachineUsers: true });
  const path = `/v1/authorization/organizations/${orgId}/machine-users`;
  const { clientId, clientSecret } = await call('POST', path, session, { userName: 'importer', roles: [role] });
  const body = { clientId, clientSecret, audience };
  return (await call('POST', '/v1/authentication/machine-users/access-token', '', body)).token;
}

/** @typedef {{ sdk: number, fastapi: number, go: number, spring: number }} Statuses if examples differ, as pages say */
/** @typedef {[what: string, method: string, orgId: string, token: string, expected: number | Statuses]} Probe */

/** @param {World} world @returns {Promise<Probe[]>} */
async function probesOf(world) {
  const { orgId, tokens } = world;
  const roles = [
    { key: 'reader', displayName: 'Reader', allowedPermissions: ['documents:read'] },
    { key: 'writer', displayName: 'Writer', allowedPermissions: ['documents:read', 'documents:write'] },
  ];
  await world.call('PUT', `/v1/authorization/organizations/${orgId}/roles`, world.session, { roles });
  const reader = await tokensOf(world, 'sam', 'reader');
  const writer = await tokensOf(world, 'wim', 'writer');
  const key = { name: 'export', permissions: ['documents:read'] };
  const apiKeys = `/v1/authorization/organizations/${orgId}/api-keys`;
  const ofOrganization = (await world.call('POST', apiKeys, world.session, key)).key;
  const ofMachine = await organizationMachine(world, 'reader');
  const machine = Object.values(tokens.machine)[0] ?? '';
  // The SDK accepts machine users of an organization, so that kind is not wrong everywhere.
  const { 'a secret': _secret, 'of another kind': _machine, ...wrong } = tokens.wrong;
  return [
    ['a reader reads', 'GET', orgId, reader.inOrganization, 200],
    ['a reader writes', 'POST', orgId, reader.inOrganization, 403],
    ['a writer writes', 'POST', orgId, writer.inOrganization, 200],
    ['a writer reads', 'GET', orgId, writer.inOrganization, 200],
    ['a reader reads in another organization', 'GET', '1', reader.inOrganization, 404],
    ['a reader without an organization reads', 'GET', orgId, reader.plain, 404],
    ['a machine user reads', 'GET', orgId, machine, 200],
    ['a machine user writes', 'POST', orgId, machine, 403],
    ['an API key reads', 'GET', orgId, ofOrganization, 200],
    ['an API key writes', 'POST', orgId, ofOrganization, 403],
    ['an API key reads in another organization', 'GET', '1', ofOrganization, 404],
    ['an API key that nobody made', 'GET', orgId, `${ofOrganization.slice(0, -1)}!`, 401],
    ['a session reads', 'GET', orgId, reader.session, { sdk: 200, fastapi: 401, go: 401, spring: 404 }],
    ['a session writes', 'POST', orgId, reader.session, { sdk: 403, fastapi: 401, go: 401, spring: 404 }],
    ['a machine of the organization reads', 'GET', orgId, ofMachine, { sdk: 200, fastapi: 401, go: 401, spring: 200 }],
    ['a machine of the organization posts', 'POST', orgId, ofMachine, { sdk: 403, fastapi: 401, go: 401, spring: 403 }],
    ['without a token', 'GET', orgId, '', 401],
    ...Object.entries(wrong).map(
      /** @returns {Probe} */
      ([what, token]) => [`a token ${what}`, 'GET', orgId, token, 401],
    ),
  ];
}

/**
 * The call of an API key to a server that Gatehouse refuses. A fault of the server is never a 401 for its caller.
 *
 * @param {Probe[]} probes @returns {Probe[]}
 */
const probesOfFault = (probes) =>
  probes
    .filter(([what]) => what === 'an API key reads')
    .map(([what, method, orgId, token]) => {
      const expected = { sdk: 503, fastapi: 503, go: 503, spring: 500 };
      return [`${what} from a server with a wrong secret`, method, orgId, token, expected];
    });

/** @param {string} name @param {string} url @param {Probe[]} probes */
async function probe(name, url, probes) {
  const faults = [];
  for (const [what, method, orgId, token, statuses] of probes) {
    const isOwn = name === 'fastapi' || name === 'go' || name === 'spring';
    const expected = typeof statuses === 'number' ? statuses : statuses[isOwn ? name : 'sdk'];
    const headers = token === '' ? {} : { Authorization: `Bearer ${token}` };
    const { status } = await fetch(`${url}/organizations/${orgId}/documents`, { method, headers });
    if (status !== expected) faults.push(`${what}: ${status} instead of ${expected}`);
  }
  if (faults.length > 0) throw new Error(`${name}:\n${faults.join('\n')}`);
  process.stdout.write(`protect-${name}: ${probes.length} probes answered as expected\n`);
}

const work = await mkdtemp(join(tmpdir(), 'gatehouse-protect-'));
try {
  await withTokens(async (world) => {
    const probes = await probesOf(world);
    const { id, secret } = world.client;
    for (const name of process.argv.slice(2)) {
      const directory = join(work, name);
      await mkdir(directory);
      // These directories have lock files too.
      const checkedIn = join(root, `examples/protect-${name}`);
      if (existsSync(checkedIn)) await cp(checkedIn, directory, { recursive: true });
      await writeFiles(`recipes/${name}`, directory);
      const commandOf = await examples[/** @type {keyof typeof examples} */ (name)](directory);
      const env = { GATEHOUSE_URL: world.url, CLIENT_ID: id, CLIENT_SECRET: secret };
      await withServer(
        directory,
        commandOf,
        () => env,
        (url) => probe(name, url, probes),
      );
      const wrong = { ...env, CLIENT_SECRET: 'wrong' };
      await withServer(
        directory,
        commandOf,
        () => wrong,
        (url) => probe(name, url, probesOfFault(probes)),
      );
    }
  });
} finally {
  await rm(work, { recursive: true, force: true });
}
