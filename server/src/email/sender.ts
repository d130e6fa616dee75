import type { Settings } from '../apps/apps.schema.ts';
import type { Config } from '../config.ts';
import { isLoopback } from '../http/loopback.ts';

/** A name, which may be missing, and an address. */
export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

const withName = /^\s*"?(?<name>[^"<]*?)"?\s*<(?<address>[^<>]+)>$/;

/** Takes `Name <address>` or an address apart. */
export function parseMailbox(text: string): Mailbox {
  const { name = '', address = text.trim() } = withName.exec(text)?.groups ?? {};
  return { name, address };
}

/** The sender that the deployment has: bounces go there, regardless of the name that an app gives itself. */
export function deploymentSender({ mailFrom, publicUrl }: Config): Mailbox {
  if (mailFrom !== undefined) return parseMailbox(mailFrom);
  const { hostname } = new URL(publicUrl);
  return { name: '', address: `no-reply@${isLoopback(hostname) ? 'localhost' : hostname}` };
}

/** Sender of the mails of an app. */
export function senderOf(config: Config, { fromName, fromAddress }: Settings['mail']): Mailbox {
  const { name, address } = deploymentSender(config);
  return { name: fromName ?? name, address: fromAddress ?? address };
}

/** As a mail client shows it. */
export const toText = ({ name, address }: Mailbox): string => (name === '' ? address : `${name} <${address}>`);
