import { randomInt } from 'node:crypto';
import type { Db } from '../server/src/db/db.ts';
import { sql } from '../server/src/db/db.ts';
import { appName, hashParameters, password, seeded } from './seed.ts';

/**
 * Measures whether response times reveal that an account exists. Each call is made for known and unknown addresses, in
 * random order, sequentially, from one client. Nothing else runs meanwhile.
 */

/** Milliseconds until the response. */
export interface Distribution {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

export interface Likeness {
  readonly call: string;
  readonly samples: number;
  readonly known: Distribution;
  readonly unknown: Distribution;
  /**
   * Share of pairs in which the response for the known address takes longer: one half if they are indistinguishable.
   */
  readonly knownSlower: number;
}

interface Probe {
  readonly call: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly body: (email: string) => object;
}

const users = '/v1/authentication/users';
const wrongCode = 'AAAAAAA';

const probes: readonly Probe[] = [
  {
    call: 'sign-in with a wrong password',
    method: 'POST',
    path: `${users}/sessions`,
    status: 401,
    body: (email) => ({ email, password: 'Wrong-Horse-7-Battery' }),
  },
  {
    call: 'request for a password reset',
    method: 'POST',
    path: `${users}/password/reset-request/email`,
    status: 200,
    body: (email) => ({ email }),
  },
  {
    call: 'password reset with a wrong code',
    method: 'PUT',
    path: `${users}/password`,
    status: 400,
    body: (email) => ({ email, verificationCode: wrongCode, newPassword: `${password}-2` }),
  },
];

/** Each call uses every address once, so no limit of an account is reached. */
const samplesPerSecond = 100;
const warmUp = 40;
const first = 1_000;

/** Raises the limits. The accounts for which codes are requested have a code. */
export async function prepareAlike(db: Db, appId: string): Promise<void> {
  const limits = { signInsPerAddressPerHour: 1_000_000, codeRequestsPerAddressPerHour: 1_000_000 };
  await db.query(sql`
    UPDATE apps SET settings = jsonb_set(settings, '{limits}',
      COALESCE(settings -> 'limits', '{}') || ${JSON.stringify(limits)}::jsonb)
    WHERE id = ${appId}`);
  await db.query(sql`
    INSERT INTO codes (app_id, id, user_id, purpose, code_hash, created_at, expires_at)
    SELECT ${appId}::bigint, id, id, 'password_reset', sha256(id::text::bytea), now(), now() + interval '1 hour'
    FROM users WHERE app_id = ${appId} AND email LIKE 'person-%'`);
}

async function time(url: string, probe: Probe, email: string): Promise<number> {
  const begun = performance.now();
  const response = await fetch(url + probe.path, {
    method: probe.method,
    headers: { 'x-app-name': appName, 'content-type': 'application/json' },
    body: JSON.stringify(probe.body(email)),
  });
  await response.arrayBuffer();
  const taken = performance.now() - begun;
  if (response.status !== probe.status) throw new Error(`${probe.call}: ${response.status} instead of ${probe.status}`);
  return taken;
}

function distribution(times: readonly number[]): Distribution {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

/** The share of pairs in which the first value is larger. @see Mann and Whitney, 1947 */
function shareLarger(some: readonly number[], others: readonly number[]): number {
  const sorted = others.toSorted((a, b) => a - b);
  const below = (value: number) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sorted[middle] ?? Number.POSITIVE_INFINITY) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return some.reduce((sum, value) => sum + below(value), 0) / (some.length * others.length);
}

async function measureProbe(url: string, probe: Probe, samples: number): Promise<Likeness> {
  const known: number[] = [];
  const unknown: number[] = [];
  for (let index = 0; index < samples + warmUp; index += 1) {
    const isKnownFirst = randomInt(2) === 1;
    for (const isKnown of [isKnownFirst, !isKnownFirst]) {
      const address = seeded.email(first + index);
      const taken = await time(url, probe, isKnown ? address : address.replace('person', 'nobody'));
      if (index >= warmUp) (isKnown ? known : unknown).push(taken);
    }
  }
  const distributions = { known: distribution(known), unknown: distribution(unknown) };
  return { call: probe.call, samples, ...distributions, knownSlower: shareLarger(known, unknown) };
}

/** @param seconds as for the other scenarios; uses a hundred times as many addresses of each kind */
export async function alike(url: string, { seconds }: { readonly seconds: number }): Promise<Likeness[]> {
  const results: Likeness[] = [];
  for (const probe of probes) results.push(await measureProbe(url, probe, seconds * samplesPerSecond));
  return results;
}

const fixed = (value: number): string => value.toFixed(2);
const triple = ({ p50, p90, p99 }: Distribution): string => [p50, p90, p99].map(fixed).join(' / ');

/** A Markdown table. */
export function alikeLines(results: readonly Likeness[]): string[] {
  return [
    `| call (${results[0]?.samples ?? 0} each, ms: p50 / p90 / p99) | known | unknown | known slower |`,
    '|---|---|---|---|',
    ...results.map(
      ({ call, known, unknown, knownSlower }) =>
        `| ${call} | ${triple(known)} | ${triple(unknown)} | ${fixed(knownSlower)} |`,
    ),
    `Hashes take m=${hashParameters.memoryCost}, t=${hashParameters.timeCost}, p=${hashParameters.parallelism}.`,
    '',
  ];
}
