/**
 * The reason why a mail could not be sent: a word from a closed list, and the status of the mail server, if any. Other
 * text of the server is not stored, because servers quote addresses.
 */
export type FailureReason =
  | 'recipient_refused'
  | 'message_refused'
  | 'sender_refused'
  | 'sign_in_refused'
  | 'not_encrypted'
  | 'server_unreachable'
  | 'server_refused'
  | 'timeout'
  | 'stopped'
  | 'app_inactive'
  | 'unreadable';

export interface DeliveryFailure {
  readonly reason: FailureReason;
  readonly status?: number;
  /** Whether a retry would fail as well. */
  readonly isPermanent: boolean;
  /** Whether other mails would fail now, too. */
  readonly isOfServer: boolean;
}

/** Reasons for the refusal of a single mail, by SMTP command. */
const refusals: Readonly<Record<string, FailureReason>> = {
  'RCPT TO': 'recipient_refused',
  DATA: 'message_refused',
};

const serverReasons: Readonly<Record<string, FailureReason>> = {
  EAUTH: 'sign_in_refused',
  ENOAUTH: 'sign_in_refused',
  ETLS: 'not_encrypted',
  ETIMEDOUT: 'timeout',
  EABORT: 'timeout',
  EDNS: 'server_unreachable',
  ECONNECTION: 'server_unreachable',
  ESOCKET: 'server_unreachable',
};

interface ErrorFields {
  code?: unknown;
  originalCode?: unknown;
  command?: unknown;
  responseCode?: unknown;
}

const fieldsOf = (error: unknown): ErrorFields => (typeof error === 'object' && error !== null ? error : {});

/** An untrusted certificate appears as an error of the socket. */
const isOfCertificate = (code: unknown): boolean => /CERT|ERR_TLS|ERR_SSL|EPROTO/.test(String(code));

/** Classifies an error of the SMTP library. */
export function toDeliveryFailure(error: unknown): DeliveryFailure {
  const { code, originalCode, command, responseCode } = fieldsOf(error);
  const status = typeof responseCode === 'number' ? { status: responseCode } : {};
  const refusal = refusals[String(command)];
  if (refusal !== undefined && status.status !== undefined && status.status !== 421) {
    // 503 means a bad sequence of commands: the same mail can be sent on another connection.
    return {
      reason: refusal,
      ...status,
      isPermanent: status.status >= 500 && status.status !== 503,
      isOfServer: false,
    };
  }
  if (code === 'EENVELOPE' && command === 'API')
    return { reason: 'recipient_refused', isPermanent: true, isOfServer: false };
  if (code === 'EMESSAGE' && status.status === undefined) {
    return { reason: 'message_refused', isPermanent: true, isOfServer: false };
  }
  return { reason: serverReason(code, originalCode, command), ...status, isPermanent: false, isOfServer: true };
}

function serverReason(code: unknown, originalCode: unknown, command: unknown): FailureReason {
  if (isOfCertificate(originalCode)) return 'not_encrypted';
  if (command === 'MAIL FROM') return 'sender_refused';
  return serverReasons[String(code)] ?? 'server_refused';
}

/** The text for the outbox and the log. */
export const failureText = ({ reason, status }: DeliveryFailure): string =>
  status === undefined ? reason : `${reason} ${status}`;
