import type { Transporter } from 'nodemailer';
import type { ComposedMail } from './compose.ts';
import { type DeliveryFailure, toDeliveryFailure } from './delivery-failure.ts';
import { parseSmtpUrl } from '../smtp-url.ts';

/** Timeouts in milliseconds. */
export interface SmtpTiming {
  /** Time limit for the connection. */
  readonly connectMs: number;
  /** Time limit between two responses of the server. */
  readonly silenceMs: number;
  /** Time limit for a whole mail, because a server could keep a connection active forever. */
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
  /** @throws errors of the library; see `toDeliveryFailure` */
  send(mail: ComposedMail, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** The connection options of the server. Certificates are verified, also after STARTTLS. */
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
 * Checks whether the server works: connects, starts TLS and signs in, but sends no mail.
 *
 * @returns the failure, or undefined
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
 * Opens connections when mails are sent. Certificates are verified, also after STARTTLS. Node.js reads a private
 * certificate authority from `NODE_EXTRA_CA_CERTS`.
 */
export function openSmtpPool(smtpUrl: string, connections: number, timing: SmtpTiming): SmtpPool {
  const options = {
    ...connectionOptions(smtpUrl, timing),
    pool: true,
    maxConnections: connections,
    // A mail whose connection broke may have been sent. The outbox decides whether to retry.
    maxRequeues: 0,
  } as const;
  let transport: Transporter | undefined;
  /** Loads the library with the first mail, so that a start does not wait for it. */
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
