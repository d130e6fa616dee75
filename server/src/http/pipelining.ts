import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Unanswered requests of one connection. Clients that pipeline send fewer. */
export const mostOutstanding = 16;

/** The requests of one connection. Few requests wait, because the connection is not read meanwhile. */
class Line {
  readonly #socket: Socket;
  readonly #waiting: (() => void)[] = [];
  #outstanding = 0;
  #isHeld = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    // Node.js resumes reading when a request reads its body: only then is the last request in progress complete.
    socket.on('resume', () => this.#holdBack());
    socket.once('close', () => void this.#waiting.splice(0));
  }

  enter(begin: () => void): void {
    if (this.#outstanding === mostOutstanding) return void this.#waiting.push(begin);
    this.#outstanding += 1;
    begin();
    this.#holdBack();
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next) return next();
    this.#outstanding -= 1;
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#socket.resume();
  }

  #holdBack(): void {
    this.#isHeld = this.#outstanding === mostOutstanding;
    if (this.#isHeld) this.#socket.pause();
  }
}

/**
 * Processes at most 16 requests of one connection at a time. Further pipelined requests start after a response was
 * sent. Meanwhile the connection is not read, so that the client must wait too.
 *
 * @see RFC 9112, section 9.3.2
 */
export function limitPipelining(app: FastifyInstance): void {
  const lines = new WeakMap<Socket, Line>();
  const lineOf = (socket: Socket): Line => {
    const known = lines.get(socket);
    if (known) return known;
    const line = new Line(socket);
    lines.set(socket, line);
    return line;
  };
  app.addHook('onRequest', (request, reply, done) => {
    const line = lineOf(request.raw.socket);
    line.enter(() => {
      reply.raw.once('close', () => line.leave());
      done();
    });
  });
}
