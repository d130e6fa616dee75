import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { auditIdentity } from '../access/actor.ts';
import type { Call } from '../calls/route.ts';
import type { CallerOfKey } from './idempotency.store.ts';
import { createSealer, type Sealer } from '../keys/seal.ts';

/** A call with an idempotency key: the values that find and decrypt its response. */
export interface KeyedCall extends CallerOfKey {
  /** Hashes of the key in its context, first under the current master key, then under the old ones. */
  readonly keyHashes: readonly [Buffer, ...Buffer[]];
  /** Hashes of the request, in the same order. */
  readonly requestHashes: readonly [Buffer, ...Buffer[]];
  readonly sealer: Sealer;
  /** Lock number of the key in its context, for advisory locks of the database. */
  readonly lock: string;
  /** The response, once it is stored. */
  kept?: { readonly result: unknown };
}

/** Serializes a value independently of the order of its fields. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** Maps a list that is not empty, and keeps this in the type. */
const mapped = <In, Out>([first, ...rest]: readonly [In, ...In[]], to: (one: In) => Out): [Out, ...Out[]] => [
  to(first),
  ...rest.map(to),
];

/**
 * The key that encrypts one response. It is derived from the master key of the service and the caller's idempotency
 * key; both are needed to decrypt.
 */
const sealingKey = (key: Buffer, context: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, '', `gatehouse:idempotency:${context}`, 32));

/** The key of the call with the values derived from it; undefined if the call has none, or the route ignores it. */
export function toKeyedCall(call: Call): KeyedCall | undefined {
  const { services, appId, actor, route, request, idempotencyKey } = call;
  if (idempotencyKey === undefined) return undefined;
  const { kind, id } = auditIdentity(actor);
  const path = request.url.split('?', 1)[0];
  const context = JSON.stringify([appId, kind, id, route.method, path, idempotencyKey]);
  const [current, ...old] = services.sealer.deriveKeys('idempotency');
  if (current === undefined) throw new Error('there is no master key');
  const keys: [Buffer, ...Buffer[]] = [current, ...old];
  const sealing = mapped(keys, (key) => sealingKey(key, context));
  const asked = canonical([call.orgId, call.query, call.body]);
  return {
    userId: kind === 'user' ? id : null,
    machineUserId: kind === 'machine' ? id : null,
    organizationMachineId: kind === 'organization_machine' ? id : null,
    keyHashes: mapped(keys, (key) => hmac(key, context)),
    requestHashes: mapped(sealing, (key) => hmac(key, asked)),
    sealer: createSealer({ current: sealing[0], old: sealing.slice(1) }),
    lock: createHash('sha256').update(context).digest().readBigInt64BE().toString(),
  };
}
