import { createHmac } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Db } from '../db/db.ts';
import { seesWholeApp } from '../access/relations.ts';
import { auditIdentity } from '../access/actor.ts';
import { addressKey } from '../http/network-address.ts';
import type { ApiError } from '../http/errors.ts';
import type { Call } from './route.ts';
import type { IdSource } from '../ids.ts';
import type { Sealer } from '../keys/seal.ts';
import type { AuditEvent } from './audit-event.store.ts';
import { type SecurityAction, securityActionOf } from '../access/security-actions.ts';
import { type CountedEvent, countSecurityEvent, furtherSources } from './security-events.store.ts';

/** A refused or suspicious operation: its target and organization. Ids only. */
export interface SecurityEvent {
  readonly action: SecurityAction;
  readonly target: { readonly kind: string; readonly id: string | null };
  readonly orgId?: string | undefined;
  /** Names of details that the action alone does not express. */
  readonly changes?: readonly string[];
}

declare module './services.ts' {
  interface Services {
    readonly securityEvents: SecurityEvents;
  }
}

/** Records refusals in the audit. */
export interface SecurityEvents {
  /**
   * Records a security event, or counts it in the row of the same action, target and source of this minute. Never
   * throws. Do not call it inside a transaction: the event must outlive a rollback, and needs a connection of its own.
   */
  report(call: Call, event: SecurityEvent): Promise<void>;
}

const minuteMs = 60_000;

/**
 * How many sources this process remembers for which the audit has no room for a separate row (`ownRows`). It saves a
 * statement for each.
 */
const remembered = 20_000;

/** The change that marks the row of all further sources. */
const furtherSourcesMark = 'further_sources';

/**
 * HMAC of the source of an event: the signed-in actor, the network, and the details of the event. Keyed, because an
 * address is personal data.
 */
function sourceOf(key: Buffer, { actor, client }: Call, { changes = [] }: SecurityEvent): Buffer {
  const { kind, id } = auditIdentity(actor);
  return createHmac('sha256', key)
    .update(JSON.stringify([kind, id, addressKey(client.ip), changes]))
    .digest();
}

function toAuditEvent({ appId, actor, client }: Call, id: string, time: Date, event: SecurityEvent): AuditEvent {
  return {
    appId,
    id,
    orgId: event.orgId ?? null,
    time,
    action: event.action,
    actor: auditIdentity(actor),
    claimedOnBehalfOf: null,
    target: event.target,
    ip: client.ip,
    userAgent: client.userAgent ?? null,
    requestId: client.requestId,
    changes: event.changes ?? [],
  };
}

/** The collective event for sources beyond the row limit. It contains no actor and no address. */
const asFurtherSource = (counted: CountedEvent): CountedEvent => ({
  ...counted,
  source: furtherSources,
  event: {
    ...counted.event,
    actor: { kind: 'anonymous', id: null },
    ip: null,
    userAgent: null,
    requestId: null,
    changes: [furtherSourcesMark],
  },
});

/** Key of the action, target and minute of an event. */
const targetName = ({ event, minute }: CountedEvent): string =>
  JSON.stringify([event.appId, event.action, event.target, event.orgId, minute.getTime()]);

const sourceName = (counted: CountedEvent): string => `${targetName(counted)} ${counted.source.toString('base64')}`;

/** An event that waits for its statement. */
interface Waiting {
  count: number;
  readonly written: Promise<void>;
}

/**
 * Writes the events of one target sequentially, and merges waiting events of one source into one statement. A flood of
 * events against one target therefore uses one connection of the process, and can exceed the row limit by at most one
 * source per process.
 */
function createTargetQueues(write: (counted: CountedEvent) => Promise<void>) {
  const last = new Map<string, Promise<void>>();
  const waiting = new Map<string, Waiting>();

  async function writeAfter(previous: Promise<void> | undefined, name: string, counted: CountedEvent): Promise<void> {
    await previous?.catch(() => undefined);
    const count = waiting.get(name)?.count ?? 1;
    waiting.delete(name);
    await write({ ...counted, count });
  }

  async function enqueue(target: string, name: string, counted: CountedEvent): Promise<void> {
    const written = writeAfter(last.get(target), name, counted);
    waiting.set(name, { count: 1, written });
    last.set(target, written);
    try {
      await written;
    } finally {
      if (last.get(target) === written) last.delete(target);
    }
  }

  return (counted: CountedEvent): Promise<void> => {
    const target = targetName(counted);
    const name = sourceName(counted);
    const known = waiting.get(name);
    if (!known) return enqueue(target, name, counted);
    known.count += 1;
    return known.written;
  };
}

export function createSecurityEvents(services: {
  db: Db;
  clock: Clock;
  ids: IdSource;
  sealer: Sealer;
}): SecurityEvents {
  const { db, clock, ids, sealer } = services;
  const further = new LRUCache<string, true>({ max: remembered });

  const write = createTargetQueues(async (counted) => {
    if (await countSecurityEvent(db, counted)) return;
    further.set(sourceName(counted), true);
    await countSecurityEvent(db, asFurtherSource(counted));
  });

  async function report(call: Call, event: SecurityEvent): Promise<void> {
    const now = clock.now();
    const counted: CountedEvent = {
      event: toAuditEvent(call, ids.next(), now, event),
      count: 1,
      minute: new Date(Math.floor(now.getTime() / minuteMs) * minuteMs),
      source: sourceOf(sealer.deriveKey('security-events'), call, event),
    };
    await write(further.has(sourceName(counted)) ? asFurtherSource(counted) : counted);
  }

  return {
    report: async (call, event) => {
      if (call.appId === '') return;
      await report(call, event).catch((error: unknown) =>
        call.request.log.warn({ err: error, action: event.action }, 'a security event could not be written'),
      );
    },
  };
}

/** Target of a refused call, for refusals that do not name it. */
function targetOfRefusal({ route, actor, appId, addressed }: Call, action: SecurityAction): SecurityEvent['target'] {
  const { target } = route.access;
  if (target === 'user') return { kind: 'user', id: addressed.userId };
  if (action !== 'access.denied') return { kind: 'user', id: actor.kind === 'user' ? actor.user.id : null };
  if (target === 'organization') return { kind: 'organization', id: addressed.orgId };
  if (target === 'session') return { kind: 'session', id: addressed.sessionId };
  return { kind: 'app', id: appId };
}

/** Records a security event for a refused call, if the error code has one. */
export async function reportRefusal(call: Call, error: ApiError): Promise<void> {
  const action = securityActionOf(error.code, error.isDenial);
  if (action === undefined) return;
  if (error.isDenial && error.status === 404 && seesWholeApp(call.actor)) return;
  const orgId = error.about?.orgId ?? (call.orgId === '' ? undefined : call.orgId);
  // Failures of a provider have many causes; the administrator needs the error code.
  const changes = action === 'idp.failed' ? [`error.${error.code}`] : [];
  const target = targetOfRefusal(call, action);
  await call.services.securityEvents.report(call, { action, target, orgId, changes, ...error.about });
}
