import { insertAuditEvent } from './audit-event.store.ts';
import type { Sql, Tx, UniqueViolations } from '../db/db.ts';
import { empty, sql } from '../db/db.ts';
import type { Principal } from '../access/access.ts';
import type { OrganizationRelation } from '../access/relations.ts';
import { decideByRelation } from './decide-access.ts';
import { accessOverOrganization, decisionOver, granted, type Granted } from './decide-in-statement.ts';
import { requireStanding } from '../access/require-standing.ts';
import { isGrant } from './fresh-authentication.ts';
import { auditIdentity } from '../access/actor.ts';
import type { AuditAction, Call } from './route.ts';

/** The audit event of one change. Names only, never values, because values can be personal or secret. */
export interface ChangeEvent {
  /** The app of the audit event, if it is not the app of the call. */
  readonly appId?: string;
  readonly target: { readonly kind: string; readonly id: string };
  /** Action of an additional event, for example if a password reset also accepts invitations. */
  readonly action?: AuditAction;
  readonly orgId?: string | undefined;
  /** Names of what changed, e.g. `name`, `metadata.plan`. */
  readonly changes?: readonly string[];
  /** The actor, if the credential does not identify one: a person who signs up has no credential yet. */
  readonly actor?: { readonly kind: 'user'; readonly id: string };
  /**
   * Omits the client's address and user agent: after the deletion of an account only the user id is kept, and an
   * organization gets no address and no user agent for a change that follows from a call about another organization or
   * the account.
   */
  readonly withoutClient?: true;
  /** The user id on whose behalf a machine user claims to act; not verified. */
  readonly claimedOnBehalfOf?: string | undefined;
}

/**
 * The outcome of a mutation: the result and the audit event. There is no event if nothing changed, and one event per
 * organization if several are affected.
 */
export interface Change<Result> {
  readonly result: Result;
  readonly event: ChangeEvent | readonly ChangeEvent[] | undefined;
}

/** The calls that have committed. */
const committed = new WeakSet<Call>();

/**
 * Whether this call has committed a transaction that may have changed something. If the call fails later, its response
 * must not claim that nothing was changed.
 */
export const hasCommitted = (call: Call): boolean => committed.has(call);

/** The call's declared event; see `insertAuditEvent` for `source`. */
function insertEvent(call: Call, event: ChangeEvent, source: Sql): Sql {
  const { services, client, route } = call;
  if (typeof route.audit !== 'string') throw new Error(`${route.operationId} declares no audit event`);
  return insertAuditEvent(
    {
      appId: event.appId ?? call.appId,
      id: services.ids.next(),
      orgId: event.orgId ?? null,
      time: services.clock.now(),
      action: event.action ?? route.audit,
      actor: event.actor ?? auditIdentity(call.actor),
      claimedOnBehalfOf: event.claimedOnBehalfOf ?? null,
      target: event.target,
      ip: event.withoutClient ? null : client.ip,
      userAgent: event.withoutClient ? null : (client.userAgent ?? null),
      requestId: client.requestId,
      changes: event.changes ?? [],
    },
    source,
  );
}

/**
 * One unit of work. The change, its declared audit event, its queued mails and the response stored under an idempotency
 * key commit together or not at all. A caller who has lost the right in the meantime is refused.
 *
 * @param work makes the change and returns the audit event
 * @returns the result of `work`
 */
export async function mutate<Result>(call: Call, work: (tx: Tx) => Promise<Change<Result>>): Promise<Result> {
  const { clock, db, idempotency } = call.services;
  const committedResult = await db.transaction(async (tx) => {
    await idempotency.claimKey(tx, call);
    const change = await work(tx);
    await requireStanding(tx, { ...call, access: call.route.access, isGrant: isGrant(call.route) }, clock.now());
    for (const event of [change.event ?? []].flat()) await tx.query(insertEvent(call, event, empty));
    await idempotency.keepAnswer(tx, call, change.result);
    return change.result;
  });
  committed.add(call);
  return committedResult;
}

/**
 * Like `mutate`, for a change that fits one statement, in one round trip.
 *
 * @param changes the common table expressions that make the change, separated by commas. The one named `changed`
 *   yields a row if an event is to be recorded
 * @param select the result of the statement
 */
export async function mutateInStatement<Row>(
  call: Call,
  event: ChangeEvent,
  changes: Sql,
  select: Sql,
): Promise<Row[]> {
  const rows = await call.services.db.query<Row>(sql`
    WITH ${changes},
    audited AS (${insertEvent(call, event, sql`FROM changed`)})
    ${select}`);
  committed.add(call);
  return rows;
}

/** A change of an organization that fits one UPDATE. */
interface OrganizationChange {
  /** The principals that may make this change. */
  readonly allowed: readonly Principal[];
  readonly event: ChangeEvent;
  /**
   * Builds `UPDATE organizations … FROM granted.relation … RETURNING version`. An update that depends on the status
   * compares the status of the updated row with `granted.statuses`. After waiting for a concurrent change, PostgreSQL
   * evaluates conditions on the updated row again, but not the decision on access.
   */
  readonly update: (granted: Granted) => Sql;
  /** The unique constraints that the update can violate. */
  readonly uniqueViolations?: UniqueViolations;
}

/**
 * Changes an organization in one round trip: one statement authorizes by the stored relation, updates the row and
 * writes the audit event.
 *
 * @returns the new version, or undefined if nothing changed
 * @throws ApiError as `decideByRelation`, and the codes of `uniqueViolations`
 */
export async function mutateOrganization(
  call: Call,
  { allowed, event, update, uniqueViolations }: OrganizationChange,
): Promise<string | undefined> {
  const access = accessOverOrganization(call);
  const [row] = await call.services.db.query<OrganizationRelation & { version: string | null }>(
    sql`
      WITH ${decisionOver(call, access, allowed)},
      changed AS (${update(granted)}),
      audited AS (${insertEvent(call, event, sql`FROM changed`)})
      SELECT relation.held, relation.status, relation.unmet, changed.version FROM relation LEFT JOIN changed ON true`,
    uniqueViolations,
  );
  decideByRelation(call, access, allowed, row);
  committed.add(call);
  return row?.version ?? undefined;
}
