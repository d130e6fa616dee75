// oxlint-disable unicorn/require-post-message-target-origin -- messages between threads, not windows
import { writeFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { MemoryFS, PGlite } from '@electric-sql/pglite';
import { entriesOf } from './archive.js';

/**
 * The thread of the embedded engine. It receives and returns the bytes of a PostgreSQL server. Plain JavaScript,
 * because workers are loaded without compilation, also in development.
 *
 * @import { EngineOptions } from './embedded-socket.ts'
 */

/** The engine's status for errors that PostgreSQL handles. Other thrown values mean that the engine crashed. */
const handledErrorStatus = 100;

/**
 * Memory that begins with an archive, whose contents are not copied. The library copies each file several times, which
 * took longer than all other steps of opening a database.
 */
class FilledMemory extends MemoryFS {
  #archive;

  /** @param {string} archive */
  constructor(archive) {
    super();
    this.#archive = archive;
  }

  /** @override */
  async initialSyncFs() {
    if (this.pg === undefined) throw new Error('Memory is filled before the engine starts');
    const { FS } = this.pg.Module;
    const { PGDATA } = PGlite.paths;
    FS.mkdirTree(PGDATA);
    for (const { name, isDirectory, content } of entriesOf(this.#archive)) {
      const path = `${PGDATA}/${name}`;
      if (isDirectory) FS.mkdir(path);
      else FS.writeFile(path, content, { canOwn: true });
    }
  }
}

/**
 * A database in memory is meant for a small installation, and the defaults use twice as much memory. Only databases in
 * memory begin with a snapshot here; a directory was filled before the engine started.
 *
 * @param {EngineOptions} options
 */
function start({ directory, engine, snapshot }) {
  const startParams = [...PGlite.defaultStartParams, '-c', 'shared_buffers=16MB', '-c', 'jit=off'];
  const options = { startParams, pgliteWasmModule: engine };
  const isFilled = snapshot !== undefined && directory.startsWith('memory:');
  return isFilled ? PGlite.create({ ...options, fs: new FilledMemory(snapshot) }) : PGlite.create(directory, options);
}

/** @param {EngineOptions} options */
async function create(options) {
  const engine = await start(options);
  await engine.exec('CHECKPOINT');
  await engine.close();
}

/**
 * After a crash of the engine, the library continues with memory in an unknown state. Instead, the thread is ended:
 * callers see a lost connection, and the next start recovers the database.
 *
 * @param {PGlite} engine
 */
function endOnCrash(engine) {
  const name = '_PostgresMainLoopOnce';
  /** @type {Record<string, () => void>} */
  const module = Reflect.get(engine, 'mod');
  const step = module[name];
  if (step === undefined) throw new Error('The embedded engine has no main loop to wrap');
  module[name] = () => {
    try {
      step();
    } catch (error) {
      if (!isHandled(error)) process.exit(1);
      throw error;
    }
  };
}

/** @param {unknown} error */
function isHandled(error) {
  return error instanceof Object && 'status' in error && error.status === handledErrorStatus;
}

/**
 * @param {PGlite} engine
 * @param {import('node:worker_threads').MessagePort} port
 */
function serve(engine, port) {
  /** @param {Uint8Array} request */
  const answer = (request) => {
    // Copied, because some responses are views of the engine's own buffer, which must not be transferred.
    const answered = new Uint8Array(engine.execProtocolRawSync(request));
    port.postMessage(answered.buffer, [answered.buffer]);
  };
  /** @param {string} file */
  const dump = async (file) => {
    const archive = await engine.dumpDataDir(file.endsWith('.gz') ? 'gzip' : 'none');
    await writeFile(file, Buffer.from(await archive.arrayBuffer()));
    port.postMessage({ dumped: file });
  };
  const close = async () => {
    await engine.exec('CHECKPOINT');
    await engine.close();
    process.exit(0);
  };
  port.on('message', (/** @type {Uint8Array | { dump: string } | 'close'} */ message) => {
    if (message instanceof Uint8Array) answer(message);
    else void (message === 'close' ? close() : dump(message.dump));
  });
}

/** @type {EngineOptions} */
const options = workerData;
if (options.create) {
  await create(options);
} else if (parentPort !== null) {
  const engine = await start(options);
  endOnCrash(engine);
  serve(engine, parentPort);
  parentPort.postMessage({ ready: true });
}
