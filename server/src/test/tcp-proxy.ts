import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy between the service and its database, which tests can disconnect. */
export interface TcpProxy {
  readonly port: number;
  /** Emits `idle` when the last connection is closed. */
  readonly events: EventEmitter;
  /** Breaks every connection and refuses new ones. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  /**
   * Disconnects when the service is about to send matching data; the server never receives it. Resolves when this has
   * happened.
   */
  cutBefore(pattern: RegExp): Promise<void>;
  /** Disconnects after the service has sent matching data. */
  cutAfter(pattern: RegExp): Promise<void>;
  close(): Promise<void>;
}

interface Trap {
  readonly pattern: RegExp;
  readonly isPassedOn: boolean;
  readonly sprung: () => void;
}

/** Opens a proxy to a server on a free loopback port. */
export async function openTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const proxy = new Proxy(target);
  await proxy.restore();
  return proxy;
}

class Proxy implements TcpProxy {
  port = 0;
  readonly events = new EventEmitter();
  readonly #target: { host: string; port: number };
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((client) => this.#connect(client));
  #trap: Trap | undefined;

  constructor(target: { host: string; port: number }) {
    this.#target = target;
  }

  async restore(): Promise<void> {
    this.#trap = undefined;
    if (this.#server.listening) return;
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async cut(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  cutBefore(pattern: RegExp): Promise<void> {
    return new Promise((sprung) => (this.#trap = { pattern, isPassedOn: false, sprung }));
  }

  cutAfter(pattern: RegExp): Promise<void> {
    return new Promise((sprung) => (this.#trap = { pattern, isPassedOn: true, sprung }));
  }

  close(): Promise<void> {
    return this.cut();
  }

  #connect(client: Socket): void {
    const server = connect(this.#target);
    for (const socket of [client, server]) this.#keep(socket);
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    server.pipe(client);
    client.on('data', (bytes) => this.#pass(bytes, server));
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    // Errors of broken connections are expected.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.events.emit('idle');
    });
  }

  #pass(bytes: Buffer, server: Socket): void {
    const trap = this.#trap?.pattern.test(bytes.toString('latin1')) ? this.#trap : undefined;
    if (trap === undefined) return void server.write(bytes);
    this.#trap = undefined;
    const spring = () => void this.cut().then(trap.sprung);
    if (trap.isPassedOn) server.write(bytes, spring);
    else spring();
  }
}
