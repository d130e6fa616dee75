import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';

/** Read at start, so that a build without the file fails at once. Source and licence: common-passwords.md. */
const packed = readFileSync(new URL('./common-passwords.txt.br', import.meta.url));
let unpacked: Buffer | undefined;

/**
 * Lines in byte order, each ended by a newline, in one buffer that is searched in place: a `Set` of as many strings
 * would take several times the memory.
 */
function commonPasswords(): Buffer {
  unpacked ??= brotliDecompressSync(packed);
  return unpacked;
}

const newline = 0x0a;

/**
 * Whether a password is on the list of common ones. The list holds lower-case entries of ten characters and more;
 * shorter passwords are refused for their length.
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
 * Where the line begins that holds the byte at `position`. (A negative offset would make `lastIndexOf` count from the
 * end.)
 */
function lineStart(list: Buffer, position: number): number {
  return position === 0 ? 0 : list.lastIndexOf(newline, position - 1) + 1;
}
