// oxlint-disable unicorn/require-post-message-target-origin -- messages between threads, not windows
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Duplex } from 'node:stream';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** Options of the worker. */
export interface EngineOptions {
  /** The cluster's directory, or `memory://`. */
  readonly directory: string;
  /** A tar archive (`.tar`, `.tar.gz`) of a cluster, the initial content of a database in memory. */
  readonly snapshot: string | undefined;
  /** Only creates the cluster in the directory, then exits. */
  readonly create: boolean;
  /** The compiled engine. Every thread of a process that starts the engine shares the machine code. */
  readonly engine: WebAssembly.Module;
}

// The types of Node.js declare the compiled module, but not the compiler.
declare global {
  namespace WebAssembly {
    interface Module {}
    function compile(bytes: Uint8Array): Promise<Module>;
  }
}

let engine: Promise<WebAssembly.Module> | undefined;

/** Compiles the engine, once in a process. */
export function compileEngine(): Promise<WebAssembly.Module> {
  engine ??= readEngine().then((bytes) => WebAssembly.compile(bytes));
  return engine;
}

const readEngine = (): Promise<Uint8Array> =>
  readFile(new URL('pglite.wasm', `file://${createRequire(import.meta.url).resolve('@electric-sql/pglite')}`));

type Answer = ArrayBuffer | { ready: true } | { dumped: string };

/**
 * Replaces the driver's socket: written bytes go to the database engine in a worker thread, and its responses can be
 * read. One engine per socket. Closing the socket ends the engine, cleanly if the driver ended the connection.
 */
export class EmbeddedSocket extends Duplex {
  readonly #worker: Worker;
  #running = true;
  /** Resolves when the thread has ended and no longer uses the directory. */
  readonly stopped: Promise<void>;

  constructor(options: EngineOptions) {
    super({ allowHalfOpen: false });
    this.#worker = startEngine(options);
    this.#worker.on('message', (answer: Answer) => this.#receive(answer));
    this.#worker.on('error', (error) => this.destroy(error));
    this.stopped = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#running = false;
        resolve();
        this.destroy(this.writableEnded ? undefined : new Error('Connection terminated: the embedded engine stopped'));
      });
    });
  }

  /** Writes a tar archive of the whole cluster to `file`, after the statements that are queued before. */
  dump(file: string): Promise<void> {
    this.#worker.postMessage({ dump: file });
    return new Promise((resolve, reject) => {
      this.once('dumped', () => resolve());
      this.once('close', () => reject(new Error('Connection terminated while the archive was written')));
    });
  }

  /** The worker was already started by the constructor, so there is nothing to connect to. */
  connect(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#send([{ chunk }]);
    done();
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#send(chunks);
    done();
  }

  override _final(done: () => void): void {
    this.#worker.once('exit', () => done());
    this.#worker.postMessage('close');
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#running) return done(error);
    this.#worker.once('exit', () => done(error));
    void this.#worker.terminate();
  }

  /**
   * Sends all messages of one statement at once. They are copied to separate memory that can be transferred to the
   * thread.
   */
  #send(chunks: { chunk: Buffer }[]): void {
    const bytes = new Uint8Array(chunks.reduce((length, { chunk }) => length + chunk.length, 0));
    let offset = 0;
    for (const { chunk } of chunks) {
      bytes.set(chunk, offset);
      offset += chunk.length;
    }
    this.#worker.postMessage(bytes, [bytes.buffer]);
  }

  #receive(answer: Answer): void {
    if (answer instanceof ArrayBuffer) this.push(Buffer.from(answer));
    else this.emit('ready' in answer ? 'connect' : 'dumped');
  }
}

/** Creates the cluster in a separate thread: its memory, several hundred megabytes, is freed with the thread. */
export async function createCluster(directory: string): Promise<void> {
  const worker = startEngine({ directory, snapshot: undefined, create: true, engine: await compileEngine() });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
}

/** Starts the worker without the loader flags of the parent, because the worker is plain JavaScript. */
function startEngine(options: EngineOptions): Worker {
  const settings: WorkerOptions = { workerData: options, execArgv: [], name: 'embedded-database' };
  return new Worker(new URL('embedded-worker.js', import.meta.url), settings);
}
