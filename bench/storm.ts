import { load, type Measurement } from './load.ts';
import type { Options } from './options.ts';
import { signIns, usersMe } from './scenarios.ts';

/** The effect of a storm of sign-ins on other callers. */
export interface Storm {
  readonly offeredPerSecond: number;
  readonly accepted: Measurement;
  readonly refused: Measurement;
  /** `GET users/me` at a moderate rate, without the storm and during it. */
  readonly usersMeCalm: Measurement;
  readonly usersMeInStorm: Measurement;
}

const usersMePerSecond = 200;
const times = 3;
/** Accepted sign-ins wait for about a second, and each holds a connection. */
const stormConnections = 400;

async function usersMeAt(url: string, seconds: number): Promise<Measurement> {
  const result = await load({ url, requests: usersMe(), connections: 8, seconds, rate: usersMePerSecond });
  if (Object.keys(result.statuses).some((status) => status !== '200') || result.errors > 0) {
    throw new Error(`GET users/me failed in the storm: ${JSON.stringify(result.statuses)}, ${result.errors} errors`);
  }
  return result;
}

/** Measures the hashing capacity of the machine, then offers three times as many sign-ins. */
export async function storm(url: string, { connections, seconds }: Options): Promise<Storm> {
  const requests = signIns();
  const { perSecond } = await load({ url, requests, connections, seconds });
  const usersMeCalm = await usersMeAt(url, seconds);
  const rate = Math.ceil(perSecond * times);
  const [stormed, usersMeInStorm] = await Promise.all([
    load({ url, requests, connections: stormConnections, seconds: seconds * 2, rate }),
    usersMeAt(url, seconds * 2),
  ]);
  const unexpected = Object.keys(stormed.statuses).filter((status) => !['201', '503'].includes(status));
  if (unexpected.length > 0 || stormed.errors > 0) {
    throw new Error(`the storm got ${JSON.stringify(stormed.statuses)} and ${stormed.errors} errors`);
  }
  return {
    offeredPerSecond: rate,
    accepted: stormed.timesOf(201),
    refused: stormed.timesOf(503),
    usersMeCalm,
    usersMeInStorm,
  };
}
