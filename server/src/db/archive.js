import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const blockSize = 512;
const directoryType = '5';

/**
 * Reads a tar archive (`.tar`, `.tar.gz`) that the embedded database wrote: files and directories, each directory
 * before its content. Plain JavaScript, because the thread of the engine uses it too. Synchronous, because nothing else
 * runs before the database is open.
 *
 * @param {string} archive
 *
 * @returns {Generator<{ name: string; isDirectory: boolean; content: Buffer }>} names are relative to the cluster and
 *   may begin with a slash; contents are parts of one buffer, and the caller may modify them
 *
 * @throws Error if the file cannot be read
 */
export function* entriesOf(archive) {
  const bytes = readFileSync(archive);
  yield* entries(archive.endsWith('.gz') ? gunzipSync(bytes) : bytes);
}

/**
 * The ustar format: a header block, then the content padded to whole blocks; a block of zeros ends the archive.
 *
 * @param {Buffer} tar
 *
 * @returns {Generator<{ name: string; isDirectory: boolean; content: Buffer }>}
 */
function* entries(tar) {
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

/**
 * @param {Buffer} header
 * @param {number} start
 * @param {number} length
 */
function field(header, start, length) {
  return header.toString('latin1', start, start + length).replace(/\0.*$/s, '');
}
