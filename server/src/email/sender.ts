import type { Settings } from '../apps/apps.schema.ts';
import type { Config } from '../config.ts';
import { isLoopback } from '../http/loopback.ts';

/** An address with an optional name. */
export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

const withName = /^\s*"?(?<name>[^"<]*?)"?\s*<(?<address>[^<>]+)>$/;

/** Parses `Name <address>` or an address. */
export function parseMailbox(text: string): Mailbox {
  const { name = '', address = text.trim() } = withName.exec(text)?.groups ?? {};
  return { name, address };
}

/** The sender address of the deployment, to which bounces are sent, regardless of the name that an app sets. */
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

/** The form that mail clients show. */
export const toText = ({ name, address }: Mailbox): string => (name === '' ? address : `${name} <${address}>`);
