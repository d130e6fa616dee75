import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import type { TestApp } from './setup.ts';

/** A response as received over the wire. Header names are in lower case; a repeated header has several values. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly body: string;
}

/** Listens on a free loopback port. */
export async function listen({ app }: TestApp): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}

/** The bytes of a request that no client library would send. */
export function rawRequest(requestLine: string, headers: readonly string[] = [], body = ''): string {
  return [requestLine, 'Host: localhost', 'Connection: close', ...headers, '', body].join('\r\n');
}

/** Sends bytes and returns everything that is received until the server closes the connection. */
export async function exchange(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  // A server that refuses closes before it has read everything. The data received until then counts.
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  socket.write(bytes);
  await closed;
  return Buffer.concat(received).toString();
}

function parseHeaders(lines: readonly string[]): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const [name = '', ...rest] = line.split(':');
    const key = name.toLowerCase();
    headers.set(key, [...(headers.get(key) ?? []), rest.join(':').trim()]);
  }
  return headers;
}

/** Parses the responses of one connection; each has a Content-Length. */
export function parseAnswers(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = text; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n');
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n');
    const headers = parseHeaders(lines);
    const length = Number(headers.get('content-length')?.[0] ?? 0);
    const bytes = Buffer.from(rest.slice(end + 4));
    answers.push({ status: Number(statusLine.split(' ')[1]), headers, body: bytes.subarray(0, length).toString() });
    rest = bytes.subarray(length).toString();
  }
  return answers;
}

/** Sends one raw request and returns the response. */
export async function send(port: number, bytes: string | Buffer): Promise<RawAnswer> {
  const [answer] = parseAnswers(await exchange(port, bytes));
  if (!answer) throw new Error('the server closed without an answer');
  return answer;
}
