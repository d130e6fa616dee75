/**
 * Upgrades from an older build to this one under load: two processes of the old build run, a process of this build
 * starts and migrates, then the old processes are replaced one by one.
 *
 *   npm run build
 *   node .ci/tools/rolling-upgrade.js OLD_DIRECTORY postgresql://postgres@127.0.0.1:5432/postgres
 *
 * The old build must read and write on the new schema, each build must read what the other one wrote, no call may be
 * refused, and every acknowledged write must exist at the end. See docs/adr/0073-expand-and-contract.md.
 */
import { deepStrictEqual } from 'node:assert';
import { fileURLToPath } from 'node:url';
import { callsTo, fillRelease, readAgain } from './release-sample.js';
import { admin, onServer, platformKey, startRelease, until, withDatabase } from './release-service.js';

/** @typedef {import('./release-service.js').Release} Release */

const here = fileURLToPath(new URL('../..', import.meta.url));
const clients = 4;
const writesPerPhase = 60;
const say = (/** @type {string} */ line) => void process.stdout.write(`${line}\n`);

const [oldDirectory = '', serverUrl = ''] = process.argv.slice(2);
if (serverUrl === '') throw new Error('usage: rolling-upgrade.js OLD_DIRECTORY SERVER_URL');

/** Distributes calls over the processes in turn, like a proxy. A process that is about to stop gets no more calls. */
function createPool() {
  /** @type {Release[]} */
  let members = [];
  let turn = 0;
  /** @type {Map<Release, number>} */
  const calls = new Map();
  return {
    add: (/** @type {Release} */ member) => void (members = [...members, member]),
    /** Removes a process from the pool, waits for its calls and stops it. @param {Release} member */
    retire: async (member) => {
      members = members.filter((other) => other !== member);
      await until('the calls of a process have ended', () => (calls.get(member) ?? 0) === 0);
      const code = await member.stop();
      if (code !== 0) throw new Error(`A process ended with ${code}`);
    },
    /** @template Result @param {(url: string) => Promise<Result>} work */
    use: async (work) => {
      const member = members[(turn += 1) % members.length];
      if (member === undefined) throw new Error('No process is left');
      calls.set(member, (calls.get(member) ?? 0) + 1);
      try {
        return await work(member.url);
      } finally {
        calls.set(member, (calls.get(member) ?? 0) - 1);
      }
    },
  };
}

/**
 * Signs people up, creates machine users, adds metadata of an organization and introspects sessions, without a pause.
 *
 * @param {ReturnType<typeof createPool>} pool
 * @param {{ token: string, organization: string }} options
 */
function startClients(pool, { token, organization }) {
  const stopping = new AbortController();
  /** @type {{ machines: string[], people: string[], keys: string[] }} */
  const acknowledged = { machines: [], people: [], keys: [] };
  /** @type {unknown[]} */
  const failures = [];
  let rounds = 0;

  const runClient = async (/** @type {number} */ client) => {
    for (let round = 0; !stopping.signal.aborted; round += 1) {
      const name = `load-${client}-${round}`;
      const email = `${name}@example.com`;
      const person = { firstName: 'Jon', lastName: 'Doe', email, password: 'testJohndoe@12AB' };
      try {
        const machine = { userName: name };
        await pool.use((url) => callsTo(url)('POST', '/v1/authorization/machine-users', { token }, machine));
        acknowledged.machines.push(name);
        await pool.use((url) => callsTo(url)('PATCH', organization, { token }, { metadata: { [`k${client}`]: name } }));
        acknowledged.keys[client] = name;
        const begun = await pool.use((url) => callsTo(url)('POST', '/v1/authentication/users', {}, person));
        acknowledged.people.push(email);
        const own = { token: begun.sessionToken };
        await pool.use((url) => callsTo(url)('GET', '/v1/authentication/users/me', own));
      } catch (error) {
        failures.push(error);
      }
      rounds += 1;
    }
  };
  const ended = Promise.all(Array.from({ length: clients }, (_, client) => runClient(client)));
  return {
    acknowledged,
    failures,
    more: async () => {
      const goal = rounds + writesPerPhase;
      await until(`${writesPerPhase} more rounds`, () => rounds >= goal || failures.length > 0);
      if (failures.length > 0) throw failures[0];
    },
    stop: () => {
      stopping.abort();
      return ended;
    },
  };
}

/** @param {string} databaseUrl @param {ReturnType<typeof startClients>['acknowledged']} acknowledged */
async function lostOf(databaseUrl, { machines, people, keys }) {
  /** @param {string} statement @returns {Promise<Set<string>>} */
  const stored = async (statement) => new Set((await onServer(databaseUrl, statement)).map(({ value }) => value));
  const [names, emails, metadata] = [
    await stored('SELECT user_name AS value FROM machine_users'),
    await stored('SELECT email AS value FROM users'),
    await stored('SELECT item.value FROM organizations, jsonb_each_text(metadata) AS item'),
  ];
  return [
    ...machines.filter((name) => !names.has(name)),
    ...people.filter((email) => !emails.has(email)),
    ...keys.filter((name) => !metadata.has(name)),
  ];
}

await withDatabase(serverUrl, async (databaseUrl) => {
  const pool = createPool();
  /** @type {Release[]} */
  const started = [];
  const start = async (/** @type {string} */ directory) => {
    const release = await startRelease(directory, databaseUrl);
    started.push(release);
    return release;
  };
  const migrations = async () =>
    (await onServer(databaseUrl, 'SELECT count(*)::int AS n FROM schema_migrations'))[0]?.n;

  try {
    const [first, second] = [await start(oldDirectory), await start(oldDirectory)];
    const before = await migrations();
    const setUp = callsTo(first.url);
    const { sessionToken: token } = await setUp('POST', '/v1/authentication/users/sessions', {}, admin);
    // The limits apply per client address, but here one address stands for many clients.
    const limits = { signUpsPerAddressPerHour: 1_000_000 };
    await setUp('PATCH', '/v1/platform/apps/demo', { app: '', token: platformKey }, { settings: { limits } });
    const { orgId } = await setUp(
      'POST',
      '/v1/authorization/organizations/setup',
      { token },
      {
        orgName: 'Load',
        adminFirstName: 'Jon',
        adminLastName: 'Doe',
        adminEmail: admin.email,
      },
    );
    pool.add(first);
    pool.add(second);
    const load = startClients(pool, { token, organization: `/v1/authorization/organizations/${orgId}` });
    await load.more();

    const third = await start(here);
    say(`schema ${before} of the old build, ${await migrations()} of this build; both builds run`);
    await load.more();
    const ofOld = await fillRelease(first.url, 'old');
    const ofNew = await fillRelease(third.url, 'new');
    deepStrictEqual(await readAgain(first.url, ofOld), []);
    deepStrictEqual(await readAgain(third.url, ofOld), []);
    deepStrictEqual(await readAgain(first.url, ofNew), []);
    say('each build reads what the other one wrote on the new schema');

    pool.add(third);
    await load.more();
    await pool.retire(first);
    await load.more();
    pool.add(await start(here));
    await pool.retire(second);
    await load.more();
    await load.stop();
    deepStrictEqual(await readAgain(third.url, ofOld), []);

    const { machines, people } = load.acknowledged;
    const lost = await lostOf(databaseUrl, load.acknowledged);
    say(`${machines.length + people.length} creations acknowledged during the upgrade, ${lost.length} lost`);
    if (load.failures.length > 0) throw load.failures[0];
    if (lost.length > 0) throw new Error(`Lost: ${lost.join(', ')}`);
  } finally {
    await Promise.all(started.map((release) => release.stop()));
  }
});
