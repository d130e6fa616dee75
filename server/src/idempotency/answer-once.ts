import type { FastifyRequest } from 'fastify';
import type { Idempotency } from '../calls/idempotency.ts';
import type { Queryable } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../calls/route.ts';
import { findStoredResponse, insertStoredResponse, type StoredResponse, tryLockKey } from './idempotency.store.ts';
import { type KeyedCall, toKeyedCall } from './keyed-call.ts';

const keptMs = 24 * 3_600_000;

/** Aborts a transaction that finds, under the lock of its key, that the call was answered in the meantime. */
class AlreadyAnswered extends Error {
  readonly result: unknown;

  constructor(result: unknown) {
    super('The call was completed meanwhile');
    this.name = 'AlreadyAnswered';
    this.result = result;
  }
}

const contextOf = (appId: string, keyHash: Buffer): string => `idempotency_keys:${appId}:${keyHash.toString('hex')}`;

/** @throws ApiError `idempotency_key_reused` if the stored response belongs to a different request */
function open({ appId }: Call, keyed: KeyedCall, { keyHash, requestHash, sealedAnswer }: StoredResponse): unknown {
  if (!keyed.requestHashes.some((hash) => hash.equals(requestHash))) throw new ApiError('idempotency_key_reused');
  return JSON.parse(keyed.sealer.open(sealedAnswer, contextOf(appId, keyHash)).toString());
}

/** @returns the stored response in an object, because `null` is a valid response */
async function findAnswer(db: Queryable, call: Call, keyed: KeyedCall): Promise<{ result: unknown } | undefined> {
  const kept = await findStoredResponse(db, call.appId, keyed.keyHashes, call.services.clock.now());
  return kept && { result: open(call, keyed, kept) };
}

function replay({ reply }: Call, result: unknown): unknown {
  reply.header('idempotent-replayed', 'true');
  return result;
}

async function answerAnew(call: Call, keyed: KeyedCall, handle: () => unknown): Promise<unknown> {
  try {
    const result = await handle();
    if (keyed.kept && keyed.kept.result !== result)
      throw new Error(`${call.route.operationId} returned another result than its transaction`);
    return result;
  } catch (error) {
    if (error instanceof AlreadyAnswered) return replay(call, error.result);
    throw error;
  }
}

/**
 * Idempotency keys and responses are stored in the database. This process tracks only its calls with a key and its keys
 * in progress.
 */
export function createIdempotency(): Idempotency {
  const keyedCalls = new WeakMap<FastifyRequest, KeyedCall>();
  const inFlight = new Set<string>();

  async function answerKeyed(call: Call, keyed: KeyedCall, handle: () => unknown): Promise<unknown> {
    const known = await findAnswer(call.services.db, call, keyed);
    if (known) return replay(call, known.result);
    // Calls in progress in other processes are detected by the lock in the transaction.
    if (inFlight.has(keyed.lock)) throw new ApiError('idempotency_in_progress');
    inFlight.add(keyed.lock);
    try {
      keyedCalls.set(call.request, keyed);
      return await answerAnew(call, keyed, handle);
    } finally {
      inFlight.delete(keyed.lock);
    }
  }

  return {
    async answerOnce(call, handle) {
      const keyed = toKeyedCall(call);
      return keyed ? answerKeyed(call, keyed, handle) : handle();
    },

    async claimKey(tx, call) {
      const keyed = keyedCalls.get(call.request);
      if (!keyed) return;
      if (!(await tryLockKey(tx, keyed.lock))) throw new ApiError('idempotency_in_progress');
      const known = await findAnswer(tx, call, keyed);
      if (known) throw new AlreadyAnswered(known.result);
    },

    async keepAnswer(tx, call, result) {
      const keyed = keyedCalls.get(call.request);
      if (!keyed) return;
      const [keyHash] = keyed.keyHashes;
      const [requestHash] = keyed.requestHashes;
      const sealedAnswer = keyed.sealer.seal(JSON.stringify(result ?? null), contextOf(call.appId, keyHash));
      const expiresAt = new Date(call.services.clock.now().getTime() + keptMs);
      await insertStoredResponse(tx, call.appId, { keyHash, requestHash, sealedAnswer }, keyed, expiresAt);
      keyed.kept = { result };
    },
  };
}
