import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SealError } from './seal.ts';

const masterKeyBytes = 32;

/** Path of the master key file of an embedded database. */
export const masterKeyFile = (dataDir: string): string => join(dataDir, 'master.key');

/**
 * The master key (32 bytes) of an embedded database: read from `<dataDir>/master.key`, which is created at the first
 * start. The file contains base64, with mode 0600. Without the file, the signing keys and provider secrets in the
 * database are lost.
 *
 * @throws SealError if the file exists but does not contain a key
 * @throws NodeJS.ErrnoException if the directory cannot be read or written
 * @example const current = config.masterKey ?? generateMasterKeyFile(config.dataDir);
 */
export function generateMasterKeyFile(dataDir: string): Buffer {
  const file = masterKeyFile(dataDir);
  return readKey(file) ?? createKey(dataDir, file);
}

/** The key of an embedded database that exists; undefined if there is none. @throws SealError as above */
export const readMasterKeyFile = (dataDir: string): Buffer | undefined => readKey(masterKeyFile(dataDir));

function readKey(file: string): Buffer | undefined {
  const text = unlessCode('ENOENT', () => readFileSync(file, 'utf8'));
  if (text === undefined) return undefined;
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== masterKeyBytes) throw new SealError(`${file} does not contain a key of ${masterKeyBytes} bytes.`);
  return key;
}

/**
 * Writes a temporary file and links it, so that the file appears once with its whole content, even if another process
 * starts at the same time.
 */
function createKey(dataDir: string, file: string): Buffer {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    writeDurably(draft, `${randomBytes(masterKeyBytes).toString('base64')}\n`);
    unlessCode('EEXIST', () => linkSync(draft, file));
  } finally {
    rmSync(draft, { force: true });
  }
  syncPath(dataDir);
  const key = readKey(file);
  if (key) return key;
  throw new SealError(`${file} was removed while it was being created.`);
}

function writeDurably(file: string, content: string): void {
  writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
  syncPath(file);
}

/** Otherwise a power failure after the first start could leave a database without its key. */
function syncPath(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function unlessCode<Result>(code: string, work: () => Result): Result | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === code) return undefined;
    throw error;
  }
}
