import { empty, type Sql, sql, type Tx } from '../db/db.ts';

/** One audit event: actor, action, target and origin of the call. Has names of fields only, never values. */
export interface AuditEvent {
  readonly appId: string;
  readonly id: string;
  readonly orgId: string | null;
  readonly time: Date;
  readonly action: string;
  readonly actor: { readonly kind: string; readonly id: string | null };
  /** The user id on whose behalf a machine user claims to act; not verified. */
  readonly claimedOnBehalfOf: string | null;
  readonly target: { readonly kind: string; readonly id: string | null };
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  readonly changes: readonly string[];
}

/**
 * The statement that writes an event.
 *
 * @param source empty, or a FROM clause that yields one row when there was a change to report
 */
export function insertAuditEvent(event: AuditEvent, source: Sql): Sql {
  return sql`
    INSERT INTO audit_events (app_id, id, org_id, time, action, actor_kind, actor_id, claimed_on_behalf_of,
      target_kind, target_id, ip, user_agent, request_id, changes)
    SELECT ${event.appId}::bigint, ${event.id}::bigint, ${event.orgId}::bigint, ${event.time}::timestamptz,
      ${event.action}::text, ${event.actor.kind}::text, ${event.actor.id}::bigint, ${event.claimedOnBehalfOf}::text,
      ${event.target.kind}::text, ${event.target.id}::bigint, ${event.ip}::text, ${event.userAgent}::text,
      ${event.requestId}::text, ${event.changes}::text[]
    ${source}`;
}

/**
 * Writes an event that is not caused by a call: a background task or a command of the operator. Fields that `event`
 * omits are null or empty.
 *
 * @param ids the generator of ids
 */
export async function writeAuditEvent(
  tx: Tx,
  ids: { next(): string },
  event: Pick<AuditEvent, 'appId' | 'time' | 'action' | 'actor' | 'target'> & Partial<Omit<AuditEvent, 'id'>>,
): Promise<void> {
  const absent = { orgId: null, claimedOnBehalfOf: null, ip: null, userAgent: null, requestId: null, changes: [] };
  await tx.query(insertAuditEvent({ ...absent, ...event, id: ids.next() }, empty));
}

/**
 * Removes personal data of a deleted user from the audit: address and user agent of the user's own actions, and of
 * actions of anonymous callers on the user. Only the user id is kept. Events of other users keep their data, because
 * the address belongs to someone else.
 */
export async function clearTracesOf(tx: Tx, appId: string, userIds: readonly string[]): Promise<void> {
  const ids = sql`ANY (${[...userIds]}::bigint[])`;
  const cleared = sql`
    UPDATE audit_events SET ip = NULL, user_agent = NULL, counted_minute = NULL, counted_source = NULL
    WHERE app_id = ${appId}`;
  await tx.query(sql`${cleared} AND actor_id = ${ids} AND actor_kind = 'user'`);
  await tx.query(
    sql`${cleared} AND COALESCE(target_id, 0) = ${ids} AND target_kind = 'user' AND actor_kind = 'anonymous'`,
  );
}
