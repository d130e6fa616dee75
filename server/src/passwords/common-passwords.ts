import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

/** Read at start, so that a build without the file fails immediately. Source and licence: common-passwords.md. */
const packed = readFileSync(new URL('./common-passwords.txt.br', import.meta.url));
let unpacked: Buffer | undefined;

/**
 * Sorted lines in one buffer that is searched in place, each ending with a newline. A `Set` of these strings would take
 * several times the memory.
 */
function commonPasswords(): Buffer {
  unpacked ??= brotliDecompressSync(packed);
  return unpacked;
}

const newline = 0x0a;

/**
 * Whether a password is on the list of common passwords. The list has lower-case entries of ten or more characters,
 * because shorter passwords are always refused.
 *
 * @param folded the password in NFC and lower case
 * @example isCommonPassword('password123') // true
 */
export function isCommonPassword(folded: string): boolean {
  const list = commonPasswords();
  const wanted = Buffer.from(folded);
  let low = 0;
  let high = list.length;
  while (low < high) {
    const start = lineStart(list, Math.floor((low + high) / 2));
    const end = list.indexOf(newline, start);
    const order = wanted.compare(list, start, end);
    if (order === 0) return true;
    if (order < 0) high = start;
    else low = end + 1;
  }
  return false;
}

/**
 * Start of the line that contains the byte at `position`. (A negative offset would make `lastIndexOf` count from the
 * end.)
 */
function lineStart(list: Buffer, position: number): number {
  return position === 0 ? 0 : list.lastIndexOf(newline, position - 1) + 1;
}
