import { join, type Sql, sql } from '../db/db.ts';

/** The statuses of an invitation. */
export const invitationStatuses = {
  pending: 'waits for acceptance',
  expired: 'can be sent again',
  accepted: 'its roles are granted',
  revoked: 'withdrawn',
} as const;

export type InvitationStatus = keyof typeof invitationStatuses;

/** Events of invitations. */
type InvitationEvent =
  /** The owner of the mailbox has verified the address. */
  | 'accept'
  /** The user got the grant by other means. */
  | 'settle'
  /** The invitation is sent again. */
  | 'resend'
  | 'revoke';

/**
 * Status transitions of an invitation. Only the listed transitions are allowed: accepted and revoked are final, and an
 * expired invitation can only be used after it was sent again.
 *
 * `expired` is not stored: a pending invitation counts as expired from its expiry on.
 */
const transitions: Readonly<
  Record<InvitationStatus, Readonly<Partial<Record<InvitationEvent, Exclude<InvitationStatus, 'expired'>>>>>
> = {
  pending: { accept: 'accepted', settle: 'accepted', resend: 'pending', revoke: 'revoked' },
  expired: { settle: 'accepted', resend: 'pending', revoke: 'revoked' },
  accepted: {},
  revoked: {},
};

const statuses = Object.keys(transitions) as InvitationStatus[];

/** The statuses in which the event may happen. */
const statusesBefore = (event: InvitationEvent): InvitationStatus[] =>
  statuses.filter((status) => transitions[status][event] !== undefined);

/** Whether the event may happen to an invitation of this status. */
export const allowsEvent = (status: InvitationStatus, event: InvitationEvent): boolean =>
  transitions[status][event] !== undefined;

/** The status after an event. */
function outcomeOf(event: InvitationEvent): InvitationStatus {
  const [outcome] = statuses.flatMap((status) => transitions[status][event] ?? []);
  if (outcome === undefined) throw new Error(`no invitation has a status that allows ${event}`);
  return outcome;
}

/** Conditions of each status; the SQL fragments refer to a row of `invitations i`. */
export const hasStatus = (status: InvitationStatus, now: Date): Sql => {
  if (status === 'pending') return sql`(i.status = 'pending' AND i.expires_at > ${now})`;
  if (status === 'expired') return sql`(i.status = 'pending' AND i.expires_at <= ${now})`;
  return sql`i.status = ${status}`;
};

/** The status of a row at a given time. */
export const statusAt = (now: Date): Sql =>
  sql`CASE WHEN i.status = 'pending' AND i.expires_at <= ${now} THEN 'expired' ELSE i.status END`;

/** SQL condition that a row has a status that allows the event. */
const mayHappen = (event: InvitationEvent, now: Date): Sql =>
  sql`(${join(
    statusesBefore(event).map((status) => hasStatus(status, now)),
    ' OR ',
  )})`;

/**
 * The beginning of a statement that applies an event to invitations; append `AND …`. Rows in other statuses
 * stay unchanged.
 */
export const change = (event: InvitationEvent, now: Date): Sql =>
  sql`UPDATE invitations i SET status = ${outcomeOf(event)} WHERE ${mayHappen(event, now)}`;
