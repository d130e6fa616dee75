import { seesWholeApp } from '../access/relations.ts';
import type { Call } from '../calls/route.ts';
import { openCursor, sealCursor } from '../lists/pagination.ts';
import type { AuditEventResource } from './audit.schema.ts';
import { type EventFilters, type EventPosition, type EventRow, membersAmong, readEvents } from './events.store.ts';
import { isSecurityAction } from '../access/security-actions.ts';

/** The requested page of events. */
interface EventPaging {
  readonly pageSize: number;
  readonly cursor?: string | undefined;
}

function toPosition(position: string): EventPosition {
  const [time = '', id = ''] = position.split('/');
  return { time: new Date(Number(time)), id };
}

function toEvent(row: EventRow): AuditEventResource {
  return {
    id: row.id,
    time: row.time.toISOString(),
    action: row.action,
    actor: { kind: row.actor_kind, id: row.actor_id },
    ...(row.claimed_on_behalf_of !== null && { claimedOnBehalfOf: row.claimed_on_behalf_of }),
    ...(row.org_id !== null && { orgId: row.org_id }),
    target: { kind: row.target_kind, id: row.target_id },
    ip: row.ip,
    userAgent: row.user_agent,
    requestId: row.request_id,
    changes: row.changes,
    ...(isSecurityAction(row.action) && { count: row.count }),
  };
}

/**
 * The view of an event for an owner. For an actor who was not a member at the time of the event (super admin, machine
 * user, anonymous), or has left since, only the kind is returned. Otherwise an owner could make somebody a member to
 * learn who had acted before. For attempts by non-members, the targeted user is omitted unless that user is
 * a member. Otherwise an owner could attempt sign-ins to learn which addresses have accounts.
 */
function asSeenByOwner(row: EventRow, insiders: ReadonlyMap<string, Date>): AuditEventResource {
  const isInside = (id: string | null): boolean => {
    const since = id === null ? undefined : insiders.get(id);
    return since !== undefined && since <= row.time;
  };
  const event = toEvent(row);
  if (isInside(row.actor_id)) return event;
  const { ip: _ip, userAgent: _userAgent, claimedOnBehalfOf, target, ...rest } = event;
  const hidesTarget = isSecurityAction(row.action) && target.kind === 'user' && !isInside(target.id);
  return {
    ...rest,
    actor: { kind: row.actor_kind },
    ...(claimedOnBehalfOf !== undefined && isInside(claimedOnBehalfOf) && { claimedOnBehalfOf }),
    target: hidesTarget ? { kind: target.kind, id: null } : target,
  };
}

/** Ids of all users in a row whose visibility must be checked. */
const namedIn = ({ actor_id, claimed_on_behalf_of, target_id }: EventRow): string[] =>
  [actor_id, claimed_on_behalf_of, target_id].filter((id) => id !== null);

async function toOwnersView({ services, appId, orgId }: Call, rows: readonly EventRow[]) {
  const insiders = await membersAmong(services.db, appId, orgId, [...new Set(rows.flatMap(namedIn))]);
  return rows.map((row) => asSeenByOwner(row, insiders));
}

/**
 * The filters of an owner. A filter by an actor returns the events since the actor is a member, because an earlier
 * match would reveal the actor. @returns undefined for a non-member
 */
async function filtersOfOwner({ services, appId, orgId }: Call, filters: EventFilters) {
  const { actorId, from } = filters;
  if (actorId === undefined) return filters;
  const since = (await membersAmong(services.db, appId, orgId, [actorId])).get(actorId);
  return since && { ...filters, from: from && from > since ? from : since };
}

/**
 * Reads one page of events, newest first. The cost depends neither on the position nor on the number of events.
 *
 * @throws ApiError `validation_failed` for a cursor of another list
 */
export async function listEvents(call: Call, { pageSize, cursor }: EventPaging, filters: EventFilters) {
  const { services, appId } = call;
  const after = cursor === undefined ? undefined : toPosition(openCursor(call, filters, cursor));
  const inFull = seesWholeApp(call.actor);
  const visible = inFull ? filters : await filtersOfOwner(call, filters);
  if (!visible) return { metadata: {}, events: [] };
  const found = await readEvents(services.db, appId, visible, after, pageSize + 1);
  const rows = found.slice(0, pageSize);
  const last = found.length > pageSize ? rows.at(-1) : undefined;
  return {
    metadata: last ? { nextCursor: sealCursor(call, filters, `${last.time.getTime()}/${last.id}`) } : {},
    events: inFull ? rows.map(toEvent) : await toOwnersView(call, rows),
  };
}
