import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { entriesOf } from './archive.js';

/**
 * Unpacks a tar archive (`.tar`, `.tar.gz`) that the embedded database wrote. Synchronous, because asynchronous writes
 * of a thousand small files take several times as long, and nothing else runs before the database is open.
 *
 * @throws Error if the archive cannot be read, or the directory exists or cannot be written
 */
export function unpack(archive: string, directory: string): void {
  mkdirSync(directory, { mode: 0o700 });
  for (const { name, isDirectory, content } of entriesOf(archive)) {
    const path = join(directory, name);
    if (isDirectory) mkdirSync(path, { mode: 0o700 });
    else writeFileSync(path, content, { mode: 0o600 });
  }
}
