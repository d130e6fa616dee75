import { type Db, empty, type Sql, sql } from '../../db/db.ts';
import { isSecurityEvent } from '../digest.ts';

/** An audit event, as stored. */
export interface AuditEvent {
  readonly action: string;
  readonly actor: string;
  readonly target: string;
  readonly changes: readonly string[];
  readonly claimedOnBehalfOf: string | null;
}

/** The audit event of a refusal. */
export interface SecurityEvent extends AuditEvent {
  readonly count: number;
}

export interface Audit {
  /** The events of changes in the app, oldest first. */
  events(): Promise<AuditEvent[]>;
  /** The events of refusals in the app, oldest first. */
  securityEvents(): Promise<SecurityEvent[]>;
}

/** Reads audit events from the database, so that other tests do not depend on the audit routes. */
export function auditOf(db: Db, appId: string): Audit {
  const eventsWhere = <Event extends AuditEvent>(condition: Sql, more = empty) =>
    db.query<Event>(sql`
      SELECT action, actor_kind || ' ' || COALESCE(actor_id::text, '') AS actor,
        target_kind || ' ' || COALESCE(target_id::text, '') AS target, changes,
        claimed_on_behalf_of AS "claimedOnBehalfOf" ${more}
      FROM audit_events WHERE app_id = ${appId} AND ${condition} ORDER BY id`);
  return {
    events: () => eventsWhere(sql`NOT ${isSecurityEvent}`),
    securityEvents: () => eventsWhere<SecurityEvent>(isSecurityEvent, sql`, count`),
  };
}
