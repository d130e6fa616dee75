import { defaultSettings } from '../apps/apps.schema.ts';
import { DatabaseUnavailableError } from '../db/db.ts';
import type { Services } from '../calls/services.ts';
import { sha256 } from '../keys/secrets.ts';
import { type FoundSession, touchSession } from './sessions.store.ts';

/**
 * Maximum delay of the recorded last use, so that most calls only read; shorter for sessions with a short idle
 * lifetime.
 */
const touchEveryMs = 60_000;
const touchesPerIdleLife = 10;

function isTouchDue({ lastSeenAt, session }: FoundSession, now: Date): boolean {
  const idleLifeMs = session.idleExpiresAt.getTime() - lastSeenAt.getTime();
  return now.getTime() - lastSeenAt.getTime() >= Math.min(touchEveryMs, idleLifeMs / touchesPerIdleLife);
}

/**
 * If the use cannot be recorded now, the next call records it, so that the outage does not fail calls that only read.
 */
function passOver(error: unknown): undefined {
  if (!(error instanceof DatabaseUnavailableError)) throw error;
  return undefined;
}

/** Finds the live session of a token, and records the use of the session. */
export async function findAndTouchSession(
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
