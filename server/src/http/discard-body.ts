import type { IncomingMessage } from 'node:http';

const mostBytes = 4 * 1024 * 1024;
const longestMs = 3_000;

/**
 * Reads and discards the rest of a refused body, up to 4 MiB and 3 seconds. If the connection is closed while bytes are
 * unread, the operating system resets it, and the client loses the response.
 *
 * @see RFC 9112, section 9.6
 */
export function discardBody(content: IncomingMessage): Promise<void> {
  if (content.readableEnded || content.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let left = mostBytes;
    const count = (bytes: Buffer) => {
      left -= bytes.length;
      if (left < 0) done();
    };
    const done = () => {
      clearTimeout(timer);
      content.off('data', count);
      resolve();
    };
    const timer = setTimeout(done, longestMs);
    content.once('end', done).once('close', done).once('error', done).on('data', count).resume();
  });
}
