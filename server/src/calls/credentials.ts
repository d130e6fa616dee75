import type { Actor } from '../access/actor.ts';

/** The actor of a credential according to the database; undefined if the credential is invalid. */
export interface Credentials {
  /** Finds the person of a live session, and records the use of the session. */
  session(appId: string, token: string): Promise<(Actor & { kind: 'user' }) | undefined>;
  /** The machine user or person of a signed token that was issued for this API. */
  signedToken(
    app: { id: string; name: string },
    token: string,
  ): Promise<(Actor & { kind: 'machine' | 'organization-machine' | 'user' }) | undefined>;
  /** The user and code of the token in a verification mail. */
  mailedToken(appId: string, token: string): Promise<(Actor & { kind: 'mailed-token' }) | undefined>;
}
