// oxlint-disable unicorn/require-post-message-target-origin -- messages between threads, not windows
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Duplex } from 'node:stream';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** Options of the worker. */
export interface EngineOptions {
  /** The cluster's directory, or `memory://`. */
  readonly directory: string;
  /** A tar archive (`.tar`, `.tar.gz`) of a cluster, for one in memory to begin with. */
  readonly snapshot: string | undefined;
  /** Only make the cluster in the directory, then exit. */
  readonly create: boolean;
  /** The engine, compiled: every thread of a process that starts it shares the machine code. */
  readonly engine: WebAssembly.Module;
}

// The types of Node name what is compiled, not what compiles.
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
 * Stands in for the driver's socket: what is written goes to the database engine in a worker thread, and its answers
 * are what can be read. One engine per socket; closing the socket ends the engine, cleanly if it was ended by the
 * driver.
 */
export class EmbeddedSocket extends Duplex {
  readonly #worker: Worker;
  #running = true;
  /** Resolves once the thread is gone and nothing touches the directory any more. */
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

  /** Writes a tar archive of the whole cluster to `file`, in turn with the statements. */
  dump(file: string): Promise<void> {
    this.#worker.postMessage({ dump: file });
    return new Promise((resolve, reject) => {
      this.once('dumped', () => resolve());
      this.once('close', () => reject(new Error('Connection terminated while the archive was written')));
    });
  }

  /** The worker started with the socket: there is nothing to dial. */
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

  /** All messages of one statement in one hand-over. Copied into memory of their own, which can change threads. */
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

/** Makes the cluster in a thread of its own: its memory, several hundred megabytes, goes with the thread. */
export async function createCluster(directory: string): Promise<void> {
  const worker = startEngine({ directory, snapshot: undefined, create: true, engine: await compileEngine() });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
}

/** Without the parent's loader flags: the worker is plain JavaScript. */
function startEngine(options: EngineOptions): Worker {
  const settings: WorkerOptions = { workerData: options, execArgv: [], name: 'embedded-database' };
  return new Worker(new URL('embedded-worker.js', import.meta.url), settings);
}
