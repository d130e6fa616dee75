import type { Transporter } from 'nodemailer';
import type { ComposedMail } from './compose.ts';
import { type DeliveryFailure, toDeliveryFailure } from './delivery-failure.ts';
import { parseSmtpUrl } from '../smtp-url.ts';

/** How long things may take, in milliseconds. */
export interface SmtpTiming {
  /** Until the server has answered a connection. */
  readonly connectMs: number;
  /** Between two signs of life of the server. */
  readonly silenceMs: number;
  /** All of one mail: a server may give signs of life for ever. */
  readonly mailMs: number;
}

const secondMs = 1000;

export const productionTiming: SmtpTiming = {
  connectMs: 10 * secondMs,
  silenceMs: 30 * secondMs,
  mailMs: 60 * secondMs,
};

/** Sends mails to one server over a few connections. */
export interface SmtpPool {
  /** @throws what the library throws; see `toDeliveryFailure` */
  send(mail: ComposedMail, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** How to reach the server. A certificate is checked, also after STARTTLS. */
const connectionOptions = (smtpUrl: string, timing: SmtpTiming) =>
  ({
    ...parseSmtpUrl(smtpUrl),
    connectionTimeout: timing.connectMs,
    greetingTimeout: timing.connectMs,
    dnsTimeout: timing.connectMs,
    socketTimeout: timing.silenceMs,
    socketCloseTimeout: 1000,
    tls: { minVersion: 'TLSv1.2', rejectUnauthorized: true },
    disableFileAccess: true,
    disableUrlAccess: true,
  }) as const;

/**
 * Checks whether the server can be used: connects, starts TLS and signs in, but sends no mail.
 *
 * @returns why it cannot be used, else undefined
 */
export async function probeSmtp(smtpUrl: string, timing: SmtpTiming): Promise<DeliveryFailure | undefined> {
  const { createTransport } = await import('nodemailer');
  const transport = createTransport(connectionOptions(smtpUrl, timing));
  try {
    await transport.verify();
    return undefined;
  } catch (error) {
    return toDeliveryFailure(error);
  }
}

/**
 * Opens connections as mails are sent. Certificates are checked, also after STARTTLS; an authority of one's own is
 * given to Node.js with `NODE_EXTRA_CA_CERTS`.
 */
export function openSmtpPool(smtpUrl: string, connections: number, timing: SmtpTiming): SmtpPool {
  const options = {
    ...connectionOptions(smtpUrl, timing),
    pool: true,
    maxConnections: connections,
    // A mail whose connection broke may be out already: whether to try again is decided by the outbox.
    maxRequeues: 0,
  } as const;
  let transport: Transporter | undefined;
  /** Loads the library with the first mail: a start does not wait for it. */
  const open = async (): Promise<Transporter> => {
    const { createTransport } = await import('nodemailer');
    return (transport ??= createTransport(options));
  };
  return {
    send: async (mail, signal) => {
      const { envelope, messageId, from, to, replyTo, date, subject, text, html, language } = mail;
      await (
        await open()
      ).sendMail({
        envelope,
        messageId,
        date,
        subject,
        text,
        html,
        signal,
        from: { ...from },
        to: { name: '', address: to },
        ...(replyTo !== undefined && { replyTo: { name: '', address: replyTo } }),
        headers: { 'Auto-Submitted': 'auto-generated', 'Content-Language': language },
      });
    },
    close: () => transport?.close(),
  };
}
