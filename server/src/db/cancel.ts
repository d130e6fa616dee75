import { connect } from 'node:net';
import type { ClientBase } from 'pg';

const timeoutMs = 1_000;
/** Address and backend key of the connection, which the driver does not declare. */
const fields = ['host', 'port', 'processID', 'secretKey'] as const;
const cancelRequestCode = 80_877_102;

/**
 * Sends a cancel request for the running statement of `client`, before its connection is closed. A server that waits
 * for a lock does not notice a closed connection and would execute the statement later. Resolves when the server or the
 * pooler has accepted the request, at the latest after a second; never rejects.
 *
 * @see https://www.postgresql.org/docs/15/protocol-flow.html#id-1.10.6.7.10 a cancel request may be sent unencrypted
 */
export function cancelStatement(client: ClientBase): Promise<void> {
  const [host, port, processID, secretKey] = fields.map((field): unknown => Reflect.get(client, field));
  if (typeof host !== 'string' || typeof port !== 'number') return Promise.resolve();
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return Promise.resolve();
  return new Promise((resolve) => {
    const socket = connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
    socket.on('error', () => {}).once('close', () => resolve());
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.end(cancelRequest(processID, secretKey)).resume();
  });
}

function cancelRequest(processID: number, secretKey: number): Buffer {
  const message = Buffer.alloc(16);
  for (const [index, value] of [16, cancelRequestCode, processID, secretKey].entries()) {
    message.writeInt32BE(value, index * 4);
  }
  return message;
}
