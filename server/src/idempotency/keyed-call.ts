import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { auditIdentity } from '../access/actor.ts';
import type { Call } from '../calls/route.ts';
import { createSealer, type Sealer } from '../keys/seal.ts';

/** A call under an idempotency key: what its answer is found by, and what opens it. */
export interface KeyedCall {
  readonly userId: string | null;
  readonly machineUserId: string | null;
  /** Hashes of the key in its context, under the current master key first and the old ones after. */
  readonly keyHashes: readonly [Buffer, ...Buffer[]];
  /** Hashes of what is asked for, likewise. */
  readonly requestHashes: readonly [Buffer, ...Buffer[]];
  readonly sealer: Sealer;
  /** Stands for the key in its context among the locks of the database. */
  readonly lock: string;
  /** The answer, once it is kept. */
  kept?: { readonly result: unknown };
}

/** The same text for the same value, in any order of its fields. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** One for each, in a list that is known not to be empty. */
const mapped = <In, Out>([first, ...rest]: readonly [In, ...In[]], to: (one: In) => Out): [Out, ...Out[]] => [
  to(first),
  ...rest.map(to),
];

/** The master key of one answer: it takes the service's master key and the caller's idempotency key to have it. */
const sealingKey = (key: Buffer, context: string): Buffer =>
  Buffer.from(hkdfSync('sha256', key, '', `gatehouse:idempotency:${context}`, 32));

/** The call's key with all that follows from it; undefined where there is none, or where the route ignores it. */
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
    keyHashes: mapped(keys, (key) => hmac(key, context)),
    requestHashes: mapped(sealing, (key) => hmac(key, asked)),
    sealer: createSealer({ current: sealing[0], old: sealing.slice(1) }),
    lock: createHash('sha256').update(context).digest().readBigInt64BE().toString(),
  };
}
