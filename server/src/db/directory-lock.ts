import { randomUUID } from 'node:crypto';
import { link, mkdtemp, readdir, realpath, rm, symlink, unlink } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory that is locked by this process until `release`, or until the process ends for any reason. */
export interface DirectoryLock {
  release(): Promise<void>;
}

/** The directory is open in another process, or already in this one. */
export class DirectoryInUseError extends Error {
  constructor(directory: string, pid: number | undefined) {
    super(`The directory ${directory} is in use by ${pid === undefined ? 'another process' : `process ${pid}`}`);
    this.name = 'DirectoryInUseError';
  }
}

const lockName = /^lock\.(\d+)$/;
/** The path of a socket is limited to 104 bytes on some systems, 108 on others. */
const longestSocketPath = 100;
const answerTimeoutMs = 1_000;

/**
 * Locks the directory for this process.
 *
 * The lock is a listening socket in the directory, `lock.<n>`. The kernel closes the socket when the process ends
 * for any reason. The lock works across containers that share the directory, although process ids have no meaning
 * there. Only the socket with the highest number counts. A process that finds this socket dead adds the next number
 * with `link`, which fails if another process was faster. The file with the highest number is never removed, so no
 * number is used twice, and two processes cannot both win.
 *
 * @example
 *   const lock = await lockDirectory('./data');
 *   await lock.release();
 *
 * @throws DirectoryInUseError if the directory is locked
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = await realpath(directory);
  const alias = await shortAlias(path);
  try {
    return await takeLock(path, alias.path);
  } finally {
    await alias.remove();
  }
}

async function takeLock(directory: string, alias: string): Promise<DirectoryLock> {
  const candidate = `.${randomUUID()}`;
  const server = await listen(join(alias, candidate));
  try {
    await takeLockName(directory, alias, candidate);
    return { release: () => close(server) };
  } catch (error) {
    await close(server);
    throw error;
  } finally {
    await rm(join(directory, candidate), { force: true });
  }
}

/** Links the socket `candidate`, which listens already, to the name of the lock. */
async function takeLockName(directory: string, alias: string, candidate: string): Promise<void> {
  const highest = Math.max(0, ...(await generations(directory)));
  if (highest > 0) await assertDead(directory, join(alias, `lock.${highest}`));
  const mine = highest + 1;
  const won = await tryLink(join(directory, candidate), join(directory, `lock.${mine}`));
  if (!won) return takeLockName(directory, alias, candidate);
  // A slow process may have added a number that faster processes have already passed and removed.
  const current = await generations(directory);
  if (current.some((generation) => generation > mine)) {
    await unlink(join(directory, `lock.${mine}`));
    return takeLockName(directory, alias, candidate);
  }
  const older = current.filter((generation) => generation < mine);
  await Promise.all(older.map((generation) => rm(join(directory, `lock.${generation}`), { force: true })));
}

async function generations(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  return names.flatMap((name) => Number(lockName.exec(name)?.[1] ?? []));
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Only a refused connection shows that the process has ended; a busy or suspended process keeps its lock. */
function assertDead(directory: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const inUse = (pid?: number) => {
      socket.destroy();
      reject(new DirectoryInUseError(directory, pid));
    };
    socket.setTimeout(answerTimeoutMs, inUse);
    socket.once('data', (pid) => inUse(Number(pid.toString())));
    socket.once('end', () => inUse());
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve();
      else inUse();
    });
  });
}

function listen(path: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(String(process.pid));
  });
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(new Error(`The directory cannot be locked: ${cause.message}`, { cause })));
    server.listen(path, () => resolve(server.unref()));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/** A path to the directory that is short enough for a socket in the directory. */
async function shortAlias(directory: string): Promise<{ path: string; remove: () => Promise<void> }> {
  if (Buffer.byteLength(join(directory, `.${randomUUID()}`)) <= longestSocketPath) {
    return { path: directory, remove: () => Promise.resolve() };
  }
  const home = await mkdtemp(join(tmpdir(), 'gatehouse-'));
  const path = join(home, 'data');
  await symlink(directory, path);
  return { path, remove: () => rm(home, { recursive: true }) };
}
