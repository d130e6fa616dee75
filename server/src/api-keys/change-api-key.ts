import { auditIdentity } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import { isManagerOnly } from '../members/reach.ts';
import { mutate } from '../calls/mutate.ts';
import { requireFreshForChange } from '../calls/fresh-authentication.ts';
import { differingFields } from '../http/differing-fields.ts';
import type { Call } from '../calls/route.ts';
import type { Paging } from '../lists/pagination.ts';
import { readPage } from '../lists/pagination.ts';
import { sql } from '../db/db.ts';
import { requireSession } from '../sessions/session-of-caller.ts';
import type { ApiKeyPatch } from './api-keys.schema.ts';
import {
  type ApiKey,
  apiKeyColumns,
  type ApiKeyRow,
  deleteApiKey,
  type KeyOwner,
  lockApiKey,
  ownedBy,
  patchApiKeyRow,
  toApiKey,
} from './api-keys.store.ts';
import { checkExpiry } from './make-api-key.ts';

/** Reads a page of the keys of an owner. */
export const listApiKeys = (call: Call, owner: KeyOwner, paging: Paging) =>
  readPage<ApiKeyRow, ApiKey>(call, {
    paging,
    total: sql`SELECT count(*) AS total FROM api_keys k WHERE k.app_id = ${call.appId} AND ${ownedBy(owner)}`,
    rows: ({ after, limit }) => sql`
      SELECT ${apiKeyColumns} FROM api_keys k WHERE k.app_id = ${call.appId} AND ${ownedBy(owner)} ${after} ${limit}`,
    key: sql`k.id`,
    toItem: toApiKey,
  });

/**
 * A longer lifetime or a higher quota extends the rights of the key, so a manager can change only keys that their own
 * rights limit.
 *
 * @throws ApiError `access_denied`
 */
function checkMayChange(call: Call, { maker }: ApiKey): void {
  if (!isManagerOnly(call) || maker?.id === auditIdentity(call.actor).id) return;
  throw new ApiError('access_denied', {
    detail: 'Managers can change only API keys that they created.',
    isDenial: true,
  });
}

/**
 * Changes a key, unless each value equals the stored one.
 *
 * @throws ApiError `api_key_not_found`, `access_denied`, `validation_failed`, `unauthenticated`,
 *   `reauthentication_required`, `step_up_required`
 */
export async function changeApiKey(call: Call, owner: KeyOwner, id: string, patch: ApiKeyPatch): Promise<ApiKey> {
  checkExpiry(patch.expiresAt, call.services.clock.now());
  return mutate(call, async (tx) => {
    await requireSession(tx, call);
    const stored = await lockApiKey(tx, call.appId, owner, id);
    if ('orgId' in owner) checkMayChange(call, stored);
    const changes = differingFields(patch, stored);
    if (changes.length === 0) return { result: stored, event: undefined };
    requireFreshForChange(call);
    const changed = await patchApiKeyRow(tx, call.appId, owner, id, patch);
    return { result: changed, event: { target: { kind: 'api_key', id }, orgId: changed.orgId, changes } };
  });
}

/** @throws ApiError `api_key_not_found` */
export const revokeApiKey = (call: Call, owner: KeyOwner, id: string): Promise<void> =>
  mutate(call, async (tx) => {
    const { orgId } = await deleteApiKey(tx, call.appId, owner, id);
    return { result: undefined, event: { target: { kind: 'api_key', id }, orgId } };
  });
