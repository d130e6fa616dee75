import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { codeHash, constantTimeEqual } from '../keys/secrets.ts';
import type { Services } from '../calls/services.ts';
import type { CodePurpose } from './codes.store.ts';

async function listLiveCodes(db: Queryable, appId: string, userId: string, now: Date) {
  return db.query<{ purpose: CodePurpose; org_id: string | null; code_hash: Buffer }>(sql`
    SELECT purpose, org_id, code_hash FROM codes
    WHERE app_id = ${appId} AND user_id = ${userId} AND expires_at > ${now} AND code_hash IS NOT NULL`);
}

/** Whether the short code of a user is still valid: not used, replaced or expired. Does not count as an attempt. */
export async function isLiveCode(services: Services, appId: string, userId: string, code: string): Promise<boolean> {
  const { db, clock, sealer } = services;
  const keys = sealer.deriveKeys('codes');
  const live = await listLiveCodes(db, appId, userId, clock.now());
  return live.some(({ purpose, org_id, code_hash }) => {
    const binding = { appId, userId, purpose, orgId: org_id ?? undefined, code };
    return keys.some((key) => constantTimeEqual(codeHash(key, binding), code_hash));
  });
}
