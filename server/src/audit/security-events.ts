import { createHmac } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Db } from '../db/db.ts';
import { seesWholeApp } from '../http/access.ts';
import { auditIdentity } from '../http/actor.ts';
import { addressKey } from '../http/client-address.ts';
import type { ApiError } from '../http/errors.ts';
import type { Call } from '../http/route.ts';
import type { IdSource } from '../ids.ts';
import type { Sealer } from '../keys/seal.ts';
import type { Share } from '../limits/limits.store.ts';
import type { AuditEvent } from './audit.store.ts';
import { type SecurityAction, securityActionOf } from './security-actions.ts';
import { type Shares, writeWithinShares } from './security-events.store.ts';

/** Whom or what somebody tried to get at, and where; ids only. */
export interface SecurityEvent {
  readonly action: SecurityAction;
  readonly target: { readonly kind: string; readonly id: string | null };
  readonly orgId?: string | undefined;
  /** Names of what went wrong, where the action alone does not say. */
  readonly changes?: readonly string[];
}

/** Tells the audit of refusals. */
export interface SecurityEvents {
  /**
   * Writes a security event, unless the same was written within the last minute or there were very many. Never throws.
   * Not to be called inside a transaction: the event is to stay when that one is rolled back, and needs a connection.
   */
  report(call: Call, event: SecurityEvent): Promise<void>;
}

/** Events a minute: of one cause, of one action by one source, of one action in one app. */
const perMinute: Shares<number> = { cause: 1, source: 20, app: 60 };
const minute = 60;

/** Shares that this process knows to be used up: a flood is turned away without asking the database each time. */
const remembered = 20_000;

/** Who is behind a call: whoever is signed in, else the network that they come from. */
function sourceOf({ actor, client }: Call): readonly (string | null)[] {
  const { kind, id } = auditIdentity(actor);
  return id === null ? [kind, addressKey(client.ip)] : [kind, id];
}

/**
 * What a caller who is not signed in tried to get at, in the words of the request. Not what was found by it: whether
 * an event is written, which takes a moment, must not depend on whether the account exists.
 */
function triedIn({ actor, body }: Call): readonly unknown[] {
  if (auditIdentity(actor).id !== null) return [];
  const { email, userId, clientId, intentId } = (body ?? {}) as Readonly<Record<string, unknown>>;
  return [email, userId, clientId, intentId];
}

/** Keyed, for what somebody tried can name people. */
function sharesOf(key: Buffer, call: Call, action: SecurityAction): Shares {
  const share = (count: number, ...parts: readonly unknown[]): Share => ({
    keyHash: createHmac('sha256', key)
      .update(JSON.stringify([action, ...parts]))
      .digest(),
    count,
    periodSeconds: minute,
  });
  const source = sourceOf(call);
  return {
    app: share(perMinute.app),
    source: share(perMinute.source, source),
    cause: share(perMinute.cause, source, call.route.operationId, triedIn(call)),
  };
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

/** When shares that were found used up have a unit again, in this process only: it never says that there is one. */
function createMemory() {
  const usedUpUntil = new LRUCache<string, number>({ max: remembered });
  const nameOf = (appId: string, { keyHash }: Share) => `${appId}:${keyHash.toString('base64')}`;
  return {
    knowsOne: (appId: string, shares: Shares, now: Date) =>
      [shares.app, shares.source, shares.cause].some(
        (share) => (usedUpUntil.get(nameOf(appId, share)) ?? 0) > now.getTime(),
      ),
    note: (appId: string, share: Share, now: Date, seconds: number) =>
      void usedUpUntil.set(nameOf(appId, share), now.getTime() + seconds * 1000),
  };
}

export function createSecurityEvents(services: {
  db: Db;
  clock: Clock;
  ids: IdSource;
  sealer: Sealer;
}): SecurityEvents {
  const { db, clock, ids, sealer } = services;
  const memory = createMemory();

  async function write(call: Call, event: SecurityEvent): Promise<void> {
    const { appId } = call;
    const now = clock.now();
    const shares = sharesOf(sealer.deriveKey('security-events'), call, event.action);
    if (memory.knowsOne(appId, shares, now)) return;
    const waits = await writeWithinShares(db, toAuditEvent(call, ids.next(), now, event), shares);
    const usedUp = (['app', 'source', 'cause'] as const).filter((name) => (waits[name] ?? 0) > 0);
    for (const name of usedUp) memory.note(appId, shares[name], now, waits[name] ?? 0);
    if (usedUp.length === 0) memory.note(appId, shares.cause, now, minute);
  }

  return {
    report: async (call, event) => {
      if (call.appId === '') return;
      await write(call, event).catch((error: unknown) =>
        call.request.log.warn({ err: error, action: event.action }, 'a security event could not be written'),
      );
    },
  };
}

/** What a refused call was after, where the refusal does not say it. */
function addressedBy({ route, actor, appId, addressed }: Call, action: SecurityAction): SecurityEvent['target'] {
  const { scope } = route.access;
  if (scope === 'user') return { kind: 'user', id: addressed.userId };
  if (action !== 'access.denied') return { kind: 'user', id: actor.kind === 'user' ? actor.user.id : null };
  if (scope === 'organization') return { kind: 'organization', id: addressed.orgId };
  if (scope === 'session') return { kind: 'session', id: addressed.sessionId };
  return { kind: 'app', id: appId };
}

/** Tells the audit that a call was refused, if it was for a reason that the audit is told of. */
export async function reportRefusal(call: Call, error: ApiError): Promise<void> {
  const action = securityActionOf(error.code, error.isDenial);
  if (action === undefined) return;
  if (error.isDenial && error.status === 404 && seesWholeApp(call.actor)) return;
  const orgId = error.about?.orgId ?? (call.orgId === '' ? undefined : call.orgId);
  // Of a provider much can go wrong, and whoever looks after it has to know what.
  const changes = action === 'idp.failed' ? [`error.${error.code}`] : [];
  const target = addressedBy(call, action);
  await call.services.securityEvents.report(call, { action, target, orgId, changes, ...error.about });
}
