import { insertAuditEvent } from './audit-event.store.ts';
import type { Sql, Tx } from '../db/db.ts';
import { empty, sql } from '../db/db.ts';
import { statusesPermitting } from '../access/organization-states.ts';
import {
  evaluateOverOrganization,
  heldOverApp,
  type OrganizationRelation,
  organizationRelation,
  type Principal,
} from '../access/access.ts';
import { auditIdentity } from '../access/actor.ts';
import type { AuditAction, Call } from './route.ts';

/** What the audit says about one change. Names only, never values: values can be personal or secret. */
export interface ChangeEvent {
  /** The app whose audit is told, where it is not the one that the call names. */
  readonly appId?: string;
  readonly target: { readonly kind: string; readonly id: string };
  /** Where a call brings about more than it declares: a password reset may also accept invitations. */
  readonly action?: AuditAction;
  readonly orgId?: string | undefined;
  /** Names of what changed, e.g. `name`, `metadata.plan`. */
  readonly changes?: readonly string[];
  /** Who acted, where the credential does not say: a person who signs up is nobody before. */
  readonly actor?: { readonly kind: 'user'; readonly id: string };
  /** Leaves out the client's address and agent: of somebody who deletes their account only the id stays. */
  readonly withoutClient?: true;
  /** The user id that a machine says it acts for; unproven. */
  readonly claimedOnBehalfOf?: string | undefined;
}

/** The outcome of a mutation: what to answer, and the event; none when nothing changed, one each where several organizations are to know. */
export interface Change<Result> {
  readonly result: Result;
  readonly event: ChangeEvent | readonly ChangeEvent[] | undefined;
}

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
 * One unit of work: the change, its declared audit event, the mails it queues and the answer that is kept under an
 * idempotency key commit together or not at all.
 *
 * @param work does the change and says what the audit is to tell
 * @returns the result of `work`
 */
export function mutate<Result>(call: Call, work: (tx: Tx) => Promise<Change<Result>>): Promise<Result> {
  const { db, idempotency } = call.services;
  return db.transaction(async (tx) => {
    await idempotency.claimKey(tx, call);
    const change = await work(tx);
    for (const event of [change.event ?? []].flat()) await tx.query(insertEvent(call, event, empty));
    await idempotency.keepAnswer(tx, call, change.result);
    return change.result;
  });
}

/**
 * The same for a change that fits one statement, in one round trip.
 *
 * @param changes the common table expressions that make the change, separated by commas. The one called `changed`
 *   yields a row if there was a change to report
 * @param select what the statement returns
 */
export async function mutateInStatement<Row>(
  call: Call,
  event: ChangeEvent,
  changes: Sql,
  select: Sql,
): Promise<Row[]> {
  return call.services.db.query<Row>(sql`
    WITH ${changes},
    audited AS (${insertEvent(call, event, sql`FROM changed`)})
    ${select}`);
}

/**
 * The same for a change of an organization that fits one `UPDATE … RETURNING`: a single statement decides access on
 * the stored relation, changes the row and writes the audit event, in one round trip.
 *
 * @param allowed the principals that this very change needs
 * @param update builds the statement: it takes its row `FROM granted`, which is empty unless access is given, and
 *   ends in `RETURNING o.version`. Where the status matters it asks `o.status = ANY (granted.statuses)` too: a condition
 *   on the row that is changed is looked at again after a wait for somebody else's change, `granted` is not
 * @returns the new version, or undefined when the statement changed nothing
 * @throws ApiError `organization_not_found`, `access_denied`, `organization_inactive`
 */
export async function mutateOrganization(
  call: Call,
  allowed: readonly Principal[],
  event: ChangeEvent,
  update: Sql,
): Promise<string | undefined> {
  const { access } = call.route;
  if (access.scope !== 'organization') throw new Error(`${call.route.operationId} is not over an organization`);
  const statuses = statusesPermitting(access.operation, heldOverApp(call.actor));
  call.request.decided = true;
  const [row] = await call.services.db.query<OrganizationRelation & { version: string | null }>(sql`
    WITH relation AS MATERIALIZED (${organizationRelation(call.actor, call.appId, call.orgId)}),
    granted AS (SELECT id, ${statuses}::text[] AS statuses FROM relation WHERE held && ${allowed}::text[] AND status = ANY (${statuses}::text[])),
    changed AS (${update}),
    audited AS (${insertEvent(call, event, sql`FROM changed`)})
    SELECT relation.held, relation.status, changed.version FROM relation LEFT JOIN changed ON true`);
  evaluateOverOrganization(access.operation, allowed, row);
  return row?.version ?? undefined;
}
