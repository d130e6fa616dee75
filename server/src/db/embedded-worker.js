// oxlint-disable unicorn/require-post-message-target-origin -- messages between threads, not windows
import { readFile, writeFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { gunzipSync } from 'node:zlib';
import { PGlite } from '@electric-sql/pglite';

/**
 * The thread of the embedded engine. It gets the bytes that a PostgreSQL server would get, and answers with the bytes
 * that a server would send. Plain JavaScript, because a worker is loaded as it is, in development too.
 *
 * @import { EngineOptions } from './embedded-socket.ts'
 */

/** The engine's status for an error that PostgreSQL itself handles; anything else thrown means that it has crashed. */
const handledErrorStatus = 100;

/**
 * What is held in memory is meant for a small installation: the defaults take twice as much.
 *
 * @param {EngineOptions} options
 * @param {Blob} [snapshot]
 */
function start({ directory, engine }, snapshot) {
  const startParams = [...PGlite.defaultStartParams, '-c', 'shared_buffers=16MB', '-c', 'jit=off'];
  return PGlite.create(directory, {
    startParams,
    pgliteWasmModule: engine,
    ...(snapshot && { loadDataDir: snapshot }),
  });
}

/**
 * Only memory begins empty: a directory was filled before the engine started.
 *
 * @param {EngineOptions} options
 */
async function readSnapshot({ directory, snapshot }) {
  if (snapshot === undefined || !directory.startsWith('memory:')) return undefined;
  const bytes = await readFile(snapshot);
  return new Blob([snapshot.endsWith('.gz') ? gunzipSync(bytes) : bytes]);
}

/** @param {EngineOptions} options */
async function create(options) {
  const engine = await start(options);
  await engine.exec('CHECKPOINT');
  await engine.close();
}

/**
 * The library goes on after a crash of the engine, with its memory in an unknown state. Ending the thread instead makes
 * it a lost connection and, at the next start, a recovery.
 *
 * @param {PGlite} engine
 */
function endOnCrash(engine) {
  const name = '_PostgresMainLoopOnce';
  /** @type {Record<string, () => void>} */
  const module = Reflect.get(engine, 'mod');
  const step = module[name];
  if (step === undefined) throw new Error('The embedded engine has no main loop to watch');
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
    // Copied, because some answers are views of the engine's own buffer, which must not change threads.
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
  const engine = await start(options, await readSnapshot(options));
  endOnCrash(engine);
  serve(engine, parentPort);
  parentPort.postMessage({ ready: true });
}
