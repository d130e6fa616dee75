import { lookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import type { Agent, BodyInit } from 'undici';
import { isPublicAddress } from './address-range.ts';

/** An outgoing request failed. The message contains no part of the request or response. */
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

/** HTTP requests to servers that users or operators chose. */
export interface Outbound {
  /**
   * Sends one HTTP request and reads the whole response. Redirects are errors; size and time are limited.
   *
   * @throws OutboundError if there is no response. Error statuses are returned
   */
  fetch(url: string, request?: OutboundRequest): Promise<Response>;
  close(): Promise<void>;
}

export interface OutboundOptions {
  /** Whether private addresses may be called: in production only if the operator chose the URL. */
  readonly allowsPrivate: boolean;
  /** Timeout of the whole call, in milliseconds. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 5000;
/** Largest response. A discovery document has 2 KiB, a key set 5, a token response 4. */
const longestAnswerBytes = 256 * 1024;

const refusal = (): OutboundError => new OutboundError('The server has no public IP address.');

/** Checks the resolved IP addresses at connection time, because an earlier check can be bypassed by DNS rebinding. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, []);
    if (!addresses.every(({ address }) => isPublicAddress(address))) return callback(refusal(), []);
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    return callback(null, first?.address ?? '', first?.family);
  });
};

/** Checks IP addresses in URLs, which the DNS lookup does not see. */
function checkLiteral(url: string): void {
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw refusal();
}

/** Reads the decompressed body up to the limit, as a defence against decompression bombs. */
async function readBounded(body: AsyncIterable<Uint8Array> | null): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > longestAnswerBytes) throw new OutboundError(`The response has more than ${longestAnswerBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * The reason of a failed call: the timeout, else the first error of this module in the chain of causes, else a generic
 * error.
 */
function toOutboundError(error: unknown, timeout: AbortSignal): OutboundError {
  if (timeout.aborted)
    return new OutboundError('The server did not respond completely before the timeout.', { cause: error });
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (inner instanceof OutboundError) return inner;
    if (inner instanceof AggregateError) return toOutboundError(inner.errors[0], timeout);
  }
  return new OutboundError('The server could not be reached.', { cause: error });
}

/** @example const outbound = createOutbound({ allowsPrivate: false }); */
export function createOutbound({ allowsPrivate, timeoutMs = defaultTimeoutMs }: OutboundOptions): Outbound {
  let agent: Agent | undefined;
  /** Loads the HTTP client at the first call, because many deployments never make one. */
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
      const timeout = AbortSignal.timeout(timeoutMs);
      const client = await loadClient();
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
