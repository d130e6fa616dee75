import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A real local mail server. */
export interface MailServer {
  readonly port: number;
  /** Received mails. */
  readonly mails: readonly ReceivedMail[];
  close(): Promise<void>;
}

export interface ReceivedMail extends ParsedMail {
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  readonly raw: string;
}

/** A refusal of the server. */
export function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

export interface MailServerOptions extends SMTPServerOptions {
  /** Called with a mail before it is acknowledged; throw to refuse it. */
  readonly onMail?: (mail: ReceivedMail) => Promise<void> | void;
}

/** Starts a mail server that accepts every mail, without TLS and sign-in, unless the options say otherwise. */
export async function startMailServer({ onMail, ...options }: MailServerOptions = {}): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    authOptional: true,
    disableReverseLookup: true,
    onData: (stream, session, callback) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        const envelope = { from: mailFrom === false ? '' : mailFrom.address, to: rcptTo.map(({ address }) => address) };
        void take(Buffer.concat(chunks), envelope).then(() => callback(), callback);
      });
    },
    ...options,
  });
  const take = async (raw: Buffer, envelope: ReceivedMail['envelope']) => {
    const mail = { ...(await simpleParser(raw)), envelope, raw: raw.toString() };
    await onMail?.(mail);
    mails.push(mail);
  };
  // Some tests are about clients that disconnect.
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  return { port: portOf(server.server), mails, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** A server that sends given responses, or none. */
export async function startRawServer(onConnection: (socket: Socket) => void): Promise<MailServer> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket.on('error', () => {}));
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    for (const socket of open) socket.destroy();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  };
  return { port: portOf(server), mails: [], close };
}

/** A local port without a listener. */
export async function closedPort(): Promise<number> {
  const server = await startRawServer(() => {});
  await server.close();
  return server.port;
}

function portOf(server: Pick<Server, 'address'>): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}
