import { defaultSettings } from '../apps/apps.schema.ts';
import { DatabaseUnavailableError } from '../db/db.ts';
import type { Services } from '../calls/services.ts';
import { sha256 } from '../keys/secrets.ts';
import { type FoundSession, touchSession } from './sessions.store.ts';

/** How long a session's last use may lag behind, so that reading stays reading; less where its idle life is short. */
const touchEveryMs = 60_000;
const touchesPerIdleLife = 10;

function isTouchDue({ lastSeenAt, session }: FoundSession, now: Date): boolean {
  const idleLifeMs = session.idleExpiresAt.getTime() - lastSeenAt.getTime();
  return now.getTime() - lastSeenAt.getTime() >= Math.min(touchEveryMs, idleLifeMs / touchesPerIdleLife);
}

/** A use that cannot be noted now is noted by the next call: anyone who only reads is not refused for it. */
function passOver(error: unknown): undefined {
  if (!(error instanceof DatabaseUnavailableError)) throw error;
  return undefined;
}

/** The live session of a token, with its use noted. */
export async function findUsedSession(
  services: Pick<Services, 'db' | 'clock' | 'lookups'>,
  appId: string,
  token: string,
): Promise<FoundSession | undefined> {
  const now = services.clock.now();
  const found = await services.lookups.session({ appId, tokenHash: sha256(token) });
  if (!found || !isTouchDue(found, now)) return found;
  const { id } = found.session;
  const touched = { id, lastSeenAt: found.lastSeenAt, idleSecondsByDefault: defaultSettings.sessionIdleSeconds };
  const idleExpiresAt = await touchSession(services.db, appId, touched, now).catch(passOver);
  return idleExpiresAt ? { ...found, session: { ...found.session, idleExpiresAt } } : found;
}
