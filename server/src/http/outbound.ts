import { lookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import type { Agent, BodyInit } from 'undici';
import { isPublicAddress } from './address-range.ts';

/** A call to somebody else's server did not bring a usable answer. The message holds nothing of request or answer. */
export class OutboundError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'OutboundError';
  }
}

interface OutboundRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Calls to servers that others named. */
export interface Outbound {
  /**
   * One HTTP call with an answer that is read as a whole: no redirects, at most so many bytes, within the time.
   *
   * @throws OutboundError for every failure but the status, which is for the caller to judge
   */
  fetch(url: string, request?: OutboundRequest): Promise<Response>;
  close(): Promise<void>;
}

export interface OutboundOptions {
  /** Whether addresses inside of our own network may be called: never in production. */
  readonly allowsPrivate: boolean;
  /** For the whole call, milliseconds. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 5000;
/** A discovery document has 2 KiB, a key set 5, a token answer 4. */
const longestAnswerBytes = 256 * 1024;

const refusal = (): OutboundError => new OutboundError('The address is not one on the internet.');

/**
 * Looks at the addresses to which the connection would go, at the moment it is made: what a name meant when it was
 * checked before need not be what it means now.
 */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, []);
    if (!addresses.every(({ address }) => isPublicAddress(address))) return callback(refusal(), []);
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    return callback(null, first?.address ?? '', first?.family);
  });
};

/** A literal address is never looked up. */
function checkLiteral(url: string): void {
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw refusal();
}

/** Reads a body up to the limit: after unpacking, so that a small answer cannot become a large one. */
async function readBounded(body: AsyncIterable<Uint8Array> | null): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > longestAnswerBytes) throw new OutboundError(`The answer has more than ${longestAnswerBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Reason of a failed call: the innermost error message of ours, or a generic one. */
function toOutboundError(error: unknown, timeout: AbortSignal): OutboundError {
  if (timeout.aborted) return new OutboundError('There was no whole answer in time.', { cause: error });
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (inner instanceof OutboundError) return inner;
    if (inner instanceof AggregateError) return toOutboundError(inner.errors[0], timeout);
  }
  return new OutboundError('The server could not be reached.', { cause: error });
}

/** @example const outbound = createOutbound({ allowsPrivate: false }); */
export function createOutbound({ allowsPrivate, timeoutMs = defaultTimeoutMs }: OutboundOptions): Outbound {
  let agent: Agent | undefined;
  /** Loads the client with the first call: a start does not wait for it, and many deployments never make a call. */
  const loadClient = async () => {
    const client = await import('undici');
    agent ??= new client.Agent({
      connect: { timeout: timeoutMs, ...(!allowsPrivate && { lookup: publicLookup }) },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxHeaderSize: 16 * 1024,
    });
    return { fetch: client.fetch, agent };
  };
  return {
    async fetch(url, { signal, ...request } = {}) {
      if (!allowsPrivate) checkLiteral(url);
      const client = await loadClient();
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        const response = await client.fetch(url, {
          ...request,
          body: request.body ?? null,
          redirect: 'error',
          dispatcher: client.agent,
          signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        });
        const body = await readBounded(response.body);
        const hasNoBody = [204, 205, 304].includes(response.status);
        const headers = [...response.headers].filter(([name]) => !/^content-(encoding|length)$/.test(name));
        return new Response(hasNoBody ? null : body, { status: response.status, headers });
      } catch (error) {
        throw toOutboundError(error, timeout);
      }
    },
    close: async () => agent?.close(),
  };
}
