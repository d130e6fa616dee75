import { GatehouseConnectionError, GatehouseError } from './errors.ts';
import type { Problem } from './generated/types.gen.ts';

/** A credential, or a function that returns it: called before each attempt. */
export type TokenSource = string | (() => string | undefined | Promise<string | undefined>);

/** Options for all calls. */
export interface ClientOptions {
  /** The URL of the service, e.g. `https://id.example.com`. */
  readonly baseUrl: string;
  /** The app, sent as `X-App-Name`. */
  readonly appName: string;
  /** The token of the caller. Without a token, only public operations work. */
  readonly token?: TokenSource | undefined;
  /** Timeout of one attempt, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Further attempts, if a repetition is safe. Default 2. */
  readonly retries?: number | undefined;
  /**
   * Maximum pause before another attempt, in milliseconds. If `Retry-After` is longer, the call fails at once. Default
   * 5,000.
   */
  readonly maxRetryDelayMs?: number | undefined;
  /** The fetch function; default: the `fetch` of the platform. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** `include` sends and stores the session cookie, in a browser. */
  readonly credentials?: 'include' | 'omit' | undefined;
}

/** Options of one call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  /** Default: a random key for each call whose response the service stores. */
  readonly idempotencyKey?: string | undefined;
  /** Change only this version: the `ETag` of an earlier read. */
  readonly ifMatch?: string | undefined;
  /** The token for this call instead of the client's. */
  readonly token?: string | undefined;
  /** Additional headers, e.g. `X-Device-Token`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** A prepared request without its credential. */
export interface PreparedRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Sends calls; times out and retries as configured in `ClientOptions`. */
export type Transport = (request: PreparedRequest, options: CallOptions) => Promise<Response>;

const defaults = { timeoutMs: 10_000, retries: 2, maxRetryDelayMs: 5_000 };
const baseDelayMs = 100;

/** A header value with other characters could end the header and begin another. */
function checked(name: string, value: string): string {
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value))
    throw new TypeError(`${name} must consist of visible ASCII characters`);
  return value;
}

async function resolveToken(source: TokenSource | undefined): Promise<string | undefined> {
  return typeof source === 'function' ? source() : source;
}

/** The seconds of a `Retry-After` header, if it has a number. */
function retryAfterOf(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

async function toError(response: Response): Promise<GatehouseError> {
  const problem = (await response.json().catch(() => ({}))) as Partial<Problem>;
  const deviceToken = response.headers.get('x-device-token') ?? undefined;
  return new GatehouseError(response.status, problem, { retryAfterSeconds: retryAfterOf(response), deviceToken });
}

/** Whether the service refused before it changed anything: 429, or 503 except for an unknown outcome. */
const changedNothing = ({ status, code }: GatehouseError): boolean =>
  status === 429 || (status === 503 && code !== 'outcome_unknown' && code !== 'unknown');

/** Whether a repetition has the effect of one call: it reads, or has an idempotency key. */
const isRepeatable = ({ method, headers }: PreparedRequest): boolean =>
  method === 'GET' || headers['Idempotency-Key'] !== undefined;

function mayRepeat(error: unknown, request: PreparedRequest): boolean {
  if (error instanceof GatehouseConnectionError) return isRepeatable(request);
  if (!(error instanceof GatehouseError)) return false;
  return changedNothing(error) || (error.status >= 502 && error.status <= 504 && isRepeatable(request));
}

/** Exponential, with full jitter, and not before `Retry-After`. */
function delayMs(error: unknown, attempt: number): number {
  const asked = error instanceof GatehouseError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0;
  return asked + Math.random() * baseDelayMs * 2 ** attempt;
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** @throws TypeError for an invalid URL or app name */
export function createTransport(options: ClientOptions): Transport {
  const { origin } = new URL(options.baseUrl);
  const appName = checked('appName', options.appName);
  const retries = options.retries ?? defaults.retries;
  const maxDelay = options.maxRetryDelayMs ?? defaults.maxRetryDelayMs;
  const call = options.fetch ?? globalThis.fetch.bind(globalThis);

  async function attempt(request: PreparedRequest, one: CallOptions): Promise<Response> {
    const token = one.token ?? (await resolveToken(options.token));
    const timeout = AbortSignal.timeout(one.timeoutMs ?? options.timeoutMs ?? defaults.timeoutMs);
    const headers = {
      Accept: 'application/json',
      'X-App-Name': appName,
      ...(token !== undefined && { Authorization: `Bearer ${checked('token', token)}` }),
      ...request.headers,
    };
    const response = await call(origin + request.path, {
      method: request.method,
      headers,
      // Edge runtimes refuse `error`. A redirect is never followed, because it would forward the token.
      redirect: 'manual',
      signal: one.signal ? AbortSignal.any([one.signal, timeout]) : timeout,
      ...(request.body !== undefined && { body: request.body }),
      ...(options.credentials && { credentials: options.credentials }),
    }).catch((error: unknown) => {
      if (one.signal?.aborted) throw one.signal.reason as Error;
      const reason = timeout.aborted ? 'did not respond in time' : 'could not be reached';
      throw new GatehouseConnectionError(`${origin} ${reason}.`, { cause: error });
    });
    const isRedirect = response.type === 'opaqueredirect' || [301, 302, 303, 307, 308].includes(response.status);
    if (isRedirect) throw new GatehouseConnectionError(`${origin} answered with a redirect. It is not followed.`);
    if (!response.ok && response.status !== 304) throw await toError(response);
    return response;
  }

  return async (request, one) => {
    for (let number = 0; ; number += 1) {
      try {
        return await attempt(request, one);
      } catch (error) {
        const delay = delayMs(error, number);
        if (number >= retries || delay > maxDelay || !mayRepeat(error, request)) throw error;
        await pause(delay, one.signal);
      }
    }
  };
}
