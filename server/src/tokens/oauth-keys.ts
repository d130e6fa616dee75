import { lockApp } from '../apps/apps.store.ts';
import type { Services } from '../calls/services.ts';
import { generateSigningKey } from '../keys/signing-keys.ts';
import { insertSigningKey, someKeySigns } from '../keys/signing-keys.store.ts';

/**
 * Creates the first key of the second key set, for an app that was created by a version with one set. Concurrent
 * processes create only one key.
 */
export async function createFirstOauthKey(
  { db, sealer, clock }: Pick<Services, 'db' | 'sealer' | 'clock'>,
  appId: string,
): Promise<void> {
  const now = clock.now();
  const key = await generateSigningKey(sealer, appId, 'oauth', now);
  await db.transaction(async (tx) => {
    await lockApp(tx, appId);
    if (!(await someKeySigns(tx, appId, 'oauth', now))) await insertSigningKey(tx, appId, key, now);
  });
}
