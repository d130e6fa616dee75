import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const blockSize = 512;
const directoryType = '5';

/**
 * Unpacks a tar archive (`.tar`, `.tar.gz`) that the embedded database wrote: files and directories, each directory
 * before what is in it. Synchronous, because a thousand small files take several times as long the other way, and
 * nothing else goes on before the database is open.
 *
 * @throws Error when the archive cannot be read, or the directory exists or cannot be written
 */
export function unpack(archive: string, directory: string): void {
  mkdirSync(directory, { mode: 0o700 });
  for (const { name, isDirectory, content } of entries(readArchive(archive))) {
    const path = join(directory, name);
    if (isDirectory) mkdirSync(path, { mode: 0o700 });
    else writeFileSync(path, content, { mode: 0o600 });
  }
}

function readArchive(file: string): Buffer {
  const bytes = readFileSync(file);
  return file.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

/** The ustar format: a header block, then the content filled up to whole blocks; a block of zeros ends the archive. */
function* entries(tar: Buffer): Generator<{ name: string; isDirectory: boolean; content: Buffer }> {
  for (let offset = 0; tar[offset] !== 0 && offset < tar.length;) {
    const header = tar.subarray(offset, offset + blockSize);
    const size = Number.parseInt(field(header, 124, 12), 8);
    const start = offset + blockSize;
    yield {
      name: field(header, 345, 155) + field(header, 0, 100),
      isDirectory: field(header, 156, 1) === directoryType,
      content: tar.subarray(start, start + size),
    };
    offset = start + Math.ceil(size / blockSize) * blockSize;
  }
}

function field(header: Buffer, start: number, length: number): string {
  return header.toString('latin1', start, start + length).replace(/\0.*$/s, '');
}
