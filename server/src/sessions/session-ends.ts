import type { SessionRestriction } from '../access/actor.ts';
import type { App } from '../apps/apps.store.ts';
import type { Call } from '../calls/route.ts';

/** Lifetimes of restricted sessions, in seconds. */
const restrictedLifeSeconds = { enrolment: 3600, recovery: 900 } as const satisfies Record<SessionRestriction, number>;

/** The end of a session that begins now. */
export function sessionEnds({ services }: Call, { settings }: App, restriction: SessionRestriction | null) {
  const now = services.clock.now();
  const most = restriction === null ? Infinity : restrictedLifeSeconds[restriction];
  const after = (seconds: number) => new Date(now.getTime() + Math.min(seconds, most) * 1000);
  return { now, expiresAt: after(settings.sessionLifeSeconds), idleExpiresAt: after(settings.sessionIdleSeconds) };
}
