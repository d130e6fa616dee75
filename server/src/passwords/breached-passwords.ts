import { createHash } from 'node:crypto';
import { Counter, type Registry } from 'prom-client';
import type { Log } from '../db/db.ts';
import { createOutbound, type Outbound, OutboundError } from '../http/outbound.ts';

/** Passwords that appeared in data breaches, known by a server that the deployment chose. */
export interface BreachedPasswords {
  /** Whether the password appeared in a breach. False also if the check is disabled, or if it fails. */
  contains(password: string): Promise<boolean>;
  /** Adds the counter of checks to the metrics of the app. */
  readonly addTo: (registry: Registry) => void;
  close(): Promise<void>;
}

/** Time limit of a whole check, in milliseconds. */
export const breachCheckTimeoutMs = 1000;

const prefixLength = 5;
/** A suffix of a SHA-1 in hex, and how often the password was seen. */
const rangeLine = /^([\dA-F]{35}):(\d{1,12})$/i;

/**
 * The client for the range server. Private addresses are allowed because the operator chose the URL, for example of a
 * mirror in their own network. Redirects are refused, and the size of the response is limited.
 */
export const createRangeClient = (): Outbound =>
  createOutbound({ allowsPrivate: true, timeoutMs: breachCheckTimeoutMs });

/**
 * Asks the range server for all hashes that begin with a prefix.
 *
 * @param url base URL with a trailing slash
 * @param prefix five hexadecimal digits
 * @returns the rest of each hash, in upper case, without padding
 * @throws OutboundError if there is no response, or if the response is invalid. The message omits the prefix
 * @see https://haveibeenpwned.com/API/v3#SearchingPwnedPasswordsByRange
 */
export async function fetchRange(client: Outbound, url: string, prefix: string): Promise<ReadonlySet<string>> {
  const headers = { 'add-padding': 'true', 'user-agent': 'gatehouse' };
  const response = await client.fetch(url + prefix, { headers });
  if (response.status !== 200) throw new OutboundError(`The server responded with status ${response.status}.`);
  const lines = (await response.text()).split(/\r?\n/).filter((line) => line !== '');
  const entries = lines.map((line) => rangeLine.exec(line));
  if (entries.length === 0 || entries.includes(null)) throw new OutboundError('The response is not a list of hashes.');
  const seen = entries.filter((entry) => Number(entry?.[2]) > 0);
  return new Set(seen.map((entry) => String(entry?.[1]).toUpperCase()));
}

/**
 * Checks passwords by k-anonymity: only the first five digits of the SHA-1 leave the service, over the NFC form that is
 * also hashed for storage. A failed check lets the password pass, is counted and logged.
 *
 * @param options.url base URL with a trailing slash; undefined: no checks
 * @example const breached = createBreachedPasswords({ url: 'https://api.pwnedpasswords.com/range/', log });
 */
export function createBreachedPasswords({ url, log }: { url: string | undefined; log: Log }): BreachedPasswords {
  const client = createRangeClient();
  const counter = new Counter({
    name: 'gatehouse_breached_password_checks_total',
    help: 'New passwords that were looked up in breaches, by outcome: breached, clean or failed.',
    labelNames: ['outcome'],
    registers: [],
  });
  for (const outcome of ['breached', 'clean', 'failed']) counter.inc({ outcome }, 0);

  async function look(base: string, password: string): Promise<'breached' | 'clean' | 'failed'> {
    const hash = createHash('sha1').update(password.normalize('NFC')).digest('hex').toUpperCase();
    try {
      const range = await fetchRange(client, base, hash.slice(0, prefixLength));
      return range.has(hash.slice(prefixLength)) ? 'breached' : 'clean';
    } catch (error) {
      const reason = error instanceof OutboundError ? error.message : 'The check failed unexpectedly.';
      log('warn', 'a new password could not be looked up in breaches and was accepted', { reason });
      return 'failed';
    }
  }

  return {
    async contains(password) {
      if (url === undefined) return false;
      const outcome = await look(url, password);
      counter.inc({ outcome });
      return outcome === 'breached';
    },
    addTo: (registry) => registry.registerMetric(counter),
    close: () => client.close(),
  };
}
