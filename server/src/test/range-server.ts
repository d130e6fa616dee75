import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A call that the server got. */
export interface RangeCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

const sha1 = (password: string) => createHash('sha1').update(password.normalize('NFC')).digest('hex').toUpperCase();
const padding = ['0018A45C4D1DEF81644B54AB7F969B88D65:1', '00D4F6E8FA6EECAD2A3AA415EEC418D38EC:0'];

/** A server of breached passwords, which listens on a port of this machine. */
export class RangeServer {
  readonly calls: RangeCall[] = [];
  /** Lines by prefix, in addition to two that every response has. */
  readonly #lines = new Map<string, string[]>();
  /** Responds instead of the server. */
  respond: ((response: ServerResponse, body: string) => unknown) | undefined;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer(({ url = '', headers }, response) => {
      this.calls.push({ path: url, headers });
      const body = [...padding, ...(this.#lines.get(url.replace('/range/', '')) ?? [])].join('\r\n');
      if (this.respond) this.respond(response, body);
      else response.end(body);
    });
  }

  static async start(): Promise<RangeServer> {
    const ranges = new RangeServer();
    ranges.#server.listen(0, '127.0.0.1');
    await once(ranges.#server, 'listening');
    return ranges;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/range/`;
  }

  /** @param count how often the password was seen; 0 marks padding */
  add(password: string, count = 3): void {
    const hash = sha1(password);
    this.#lines.set(hash.slice(0, 5), [`${hash.slice(5)}:${count}`]);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** The parts of the SHA-1 of a password that a call sends, and that it must not reveal. */
export const hashParts = (password: string) => ({
  prefix: sha1(password).slice(0, 5),
  suffix: sha1(password).slice(5),
});
