import type { Db } from '../server/src/db/db.ts';
import { findUnsearchable, indexOrganization } from '../server/src/search/member-search.store.ts';
import { alike, prepareAlike } from './alike.ts';
import { type Comparison, compare } from './compare.ts';
import { type Conditions, describeConditions } from './conditions.ts';
import { type CostMeter, createCostMeter } from './cost.ts';
import { type BenchDatabase, createBenchDatabase, describeDatabase } from './database.ts';
import { measure, type Request } from './load.ts';
import { type Options, readOptions, usage } from './options.ts';
import { type HashFloor, type Running, startBare, startFloor, startHashFloor, startServer } from './processes.ts';
import { printReport, type Report, writeReport } from './report.ts';
import { type Scenario, scenarios, tokenRequests } from './scenarios.ts';
import { seed } from './seed.ts';
import { measureStarts } from './starts.ts';
import { type Storm, storm } from './storm.ts';

/** The two running sides of every comparison. */
interface Sides {
  readonly server: Running;
  readonly floor: Running;
  readonly hashes: HashFloor;
  readonly meter: CostMeter;
  /** Of the meter. */
  readonly db: Db | undefined;
}

const note = (text: string): void => void process.stderr.write(`${text}\n`);
const wants = ({ only }: Options, name: string): boolean => only.length === 0 || only.includes(name);

/** The first start creates schema and app, which are then filled. */
async function prepare(options: Options, database: BenchDatabase): Promise<Prepared> {
  const first = await startServer(options.server, database.env, options.poolSize);
  await first.stop();
  note('Seeding');
  const db = await database.open();
  try {
    const appId = await seed(db);
    // Otherwise, the service would do this work during the measurement.
    for (let next = await findUnsearchable(db); next; next = await findUnsearchable(db)) {
      await indexOrganization(db, next.appId, next.orgId);
    }
    await prepareAlike(db, appId);
    const conditions = describeConditions(options, await describeDatabase(db));
    return { appId, firstStartMs: first.readyMs, conditions };
  } finally {
    await db.close();
  }
}

interface Prepared {
  readonly appId: string;
  readonly firstStartMs: number;
  readonly conditions: Conditions;
}

async function startSides(options: Options, database: BenchDatabase, appId: string): Promise<Sides> {
  const twin = await database.twin();
  const server = await startServer(options.server, database.env, options.poolSize);
  const floor = await startFloor(twin, appId, options.poolSize);
  const db = options.engine === 'embedded' ? undefined : await database.open();
  return { server, floor, hashes: startHashFloor(), meter: await createCostMeter(db), db };
}

async function stopSides({ server, floor, hashes, db }: Sides): Promise<void> {
  await Promise.all([server.stop(), floor.stop(), hashes.stop(), db?.close()]);
}

async function machineTokens(url: string): Promise<string[]> {
  return Promise.all(
    tokenRequests().map(async ({ path, headers, body }) => {
      const response = await fetch(url + path, {
        method: 'POST',
        headers: headers as Record<string, string>,
        body: String(body),
      });
      if (!response.ok) throw new Error(`no machine token: ${response.status} ${await response.text()}`);
      return ((await response.json()) as { token: string }).token;
    }),
  );
}

function runScenario(options: Options, sides: Sides, scenario: Scenario, tokens: readonly string[]) {
  const { seconds, connections } = options;
  const { floor, hashes, server, meter } = sides;
  const under = ({ pid, url }: Running, requests: Request[]) =>
    meter.measure(pid, () => measure({ url, requests, connections, seconds }));
  const requests = scenario.requests(tokens);
  const floorRequests = scenario.floorRequests?.();
  return compare(
    options.pairs,
    () =>
      floorRequests ? under(floor, floorRequests) : meter.measure(hashes.pid, () => hashes.run(seconds, connections)),
    () => under(server, requests),
  );
}

async function runScenarios(options: Options, sides: Sides): Promise<Record<string, Comparison>> {
  const tokens = await machineTokens(sides.server.url);
  const results: Record<string, Comparison> = {};
  for (const scenario of scenarios.filter(({ name }) => wants(options, name))) {
    note(`${scenario.service}, beside ${scenario.floor}`);
    results[scenario.name] = await runScenario(options, sides, scenario, tokens);
  }
  return results;
}

function runStarts({ server, pairs, poolSize }: Options, { env }: BenchDatabase) {
  note('Starts, beside those of the bare framework');
  return measureStarts(
    pairs,
    () => startBare(env, poolSize),
    () => startServer(server, env, poolSize),
  );
}

async function runAll(options: Options, database: BenchDatabase): Promise<Report> {
  const { appId, firstStartMs, conditions } = await prepare(options, database);
  const starts = wants(options, 'starts') ? await runStarts(options, database) : undefined;
  const sides = await startSides(options, database, appId);
  try {
    const comparisons = await runScenarios(options, sides);
    const stormed: Storm | undefined = wants(options, 'storm') ? await storm(sides.server.url, options) : undefined;
    if (wants(options, 'alike')) note('Known and unknown addresses');
    const likeness = wants(options, 'alike') ? await alike(sides.server.url, options) : [];
    return { options, conditions, firstStartMs, starts, comparisons, storm: stormed, likeness };
  } finally {
    await stopSides(sides);
  }
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === undefined) return note(usage);
  if (options.engine === 'embedded') note('Embedded database: the goals are for PostgreSQL, see BENCH_DATABASE_URL.');
  const database = await createBenchDatabase(options);
  try {
    const report = await runAll(options, database);
    printReport(report);
    note(`Written to ${await writeReport(report)}`);
  } finally {
    await database.drop();
  }
}

await main();
