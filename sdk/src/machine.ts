import { type Client, clientOver, createClient } from './client.ts';
import { GatehouseError } from './errors.ts';
import { type ClientOptions, createTransport } from './transport.ts';

/** The credential of a machine user. */
export interface MachineOptions extends Omit<ClientOptions, 'token' | 'credentials'> {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** A token is renewed this long before it expires, so that it cannot expire during a call. */
const renewBeforeMs = 60_000;

interface Held {
  readonly token: string;
  /** On a monotonic clock. */
  readonly renewAt: number;
}

/**
 * A client that calls as a machine user. It requests a token at the first call, stores it, and renews it; concurrent
 * calls share one renewal. A token that the service no longer accepts is renewed once, too.
 *
 * @throws GatehouseError `invalid_client` at the first call if id or secret is wrong
 * @example
 * const client = machineClient({ baseUrl, appName, clientId, clientSecret });
 * await client.organizations.update(orgId, { metadata: { plan: 'pro' } });
 */
export function machineClient({ clientId, clientSecret, ...options }: MachineOptions): Client {
  const publicClient = createClient(options);
  let held: Promise<Held> | undefined;

  async function request(): Promise<Held> {
    const { token, expiresInSeconds } = await publicClient.tokens.requestForMachine({ clientId, clientSecret });
    const lifeMs = expiresInSeconds * 1_000;
    return { token, renewAt: performance.now() + lifeMs - Math.min(renewBeforeMs, lifeMs / 2) };
  }

  function renew(): Promise<Held> {
    const renewed = request();
    held = renewed;
    // The next call requests a token again.
    renewed.catch(() => held === renewed && (held = undefined));
    return renewed;
  }

  async function current(): Promise<string> {
    const { token, renewAt } = await (held ?? renew());
    return performance.now() < renewAt ? token : (await replace(token)).token;
  }

  /** Calls with the same token share one renewal. */
  async function replace(token: string): Promise<Held> {
    const seen = held;
    const latest = await seen;
    if (held !== undefined && held !== seen) return held;
    return latest !== undefined && latest.token !== token ? latest : renew();
  }

  const transport = createTransport(options);
  return clientOver(async (call, one) => {
    if (one.token !== undefined) return transport(call, one);
    const token = await current();
    try {
      return await transport(call, { ...one, token });
    } catch (error) {
      if (!(error instanceof GatehouseError && error.code === 'unauthenticated')) throw error;
      return transport(call, { ...one, token: (await replace(token)).token });
    }
  });
}
