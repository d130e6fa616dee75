/** The signed-in human, as stored. */
export interface SignedInUser {
  readonly id: string;
  readonly email: string;
  readonly isEmailVerified: boolean;
  readonly isEmailClaimed: boolean;
  readonly firstName: string;
  readonly lastName: string;
  readonly phoneNumber: string | null;
  readonly isPhoneVerified: boolean;
  readonly isSuperAdmin: boolean;
  readonly language: string | null;
}

/** The session that a human presented. */
export interface PresentedSession {
  readonly id: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly amr: readonly string[];
  /** When the human last authenticated in this session, by password, code or provider. */
  readonly authenticatedAt: Date;
  /** When the session ends unless it is used. */
  readonly idleExpiresAt: Date;
}

/** The access token of a person, presented instead of the session token. */
export interface PresentedAccessToken {
  /** The only organization that the token is good for; undefined: every organization of the person. */
  readonly orgId: string | undefined;
  /** That organization is deactivated now. */
  readonly isOrganizationSuspended: boolean;
}

/** The authenticated caller. */
export type Actor =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'platform' }
  | {
      readonly kind: 'user';
      readonly user: SignedInUser;
      readonly session: PresentedSession;
      /** Absent: the person presented the session token itself. */
      readonly accessToken?: PresentedAccessToken;
    }
  | {
      readonly kind: 'machine';
      readonly id: string;
      readonly secretId: string;
      /** As stored at the time of the call. */
      readonly scopes: readonly string[];
      /** Networks that the machine user may call from; null: every network. */
      readonly allowedNetworks: readonly string[] | null;
    }
  /** The token of a verification mail: it can present one code and nothing else. */
  | { readonly kind: 'mailed-token'; readonly userId: string; readonly codeId: string };

/** A caller without a credential. */
export const anonymous: Actor = { kind: 'anonymous' };

/** The kind and id under which the audit knows the actor. */
export function auditIdentity(actor: Actor): { kind: string; id: string | null } {
  switch (actor.kind) {
    case 'user':
      return { kind: 'user', id: actor.user.id };
    case 'mailed-token':
      return { kind: 'user', id: actor.userId };
    case 'machine':
      return { kind: 'machine', id: actor.id };
    case 'platform':
    case 'anonymous':
      return { kind: actor.kind, id: null };
  }
}

/** The only organization in which the caller may see and do anything; undefined: there is no such limit. */
export const onlyOrganizationOf = (actor: Actor): string | undefined =>
  actor.kind === 'user' ? actor.accessToken?.orgId : undefined;

/** Narrows the actor to a signed-in human, for routes that only humans may call. */
export function signedIn(actor: Actor): Actor & { kind: 'user' } {
  if (actor.kind !== 'user') throw new Error('the route let in a caller who is no signed-in human');
  return actor;
}
