import type { Actor, PresentedSession, SignedInUser } from '../access/actor.ts';

/** What the path of a call asks about the credential that it was given. Each answer is what the database says now. */
export interface Credentials {
  /** The live session of a token, with its use noted. */
  session(appId: string, token: string): Promise<{ user: SignedInUser; session: PresentedSession } | undefined>;
  /** The machine user of a token that was issued for this API, if machine, secret and key are still good. */
  machine(app: { id: string; name: string }, token: string): Promise<(Actor & { kind: 'machine' }) | undefined>;
  /** The user and code of a token from a mail that is still good. */
  mailedToken(appId: string, token: string): Promise<{ userId: string; codeId: string } | undefined>;
}
