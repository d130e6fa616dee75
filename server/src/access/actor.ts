import type { OrganizationStatus } from './organization-states.ts';
import type { Acr } from './second-factor.ts';

/** The signed-in person, as stored. */
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
  /** Whether the user has a confirmed second factor. */
  readonly hasFactor: boolean;
  /** The strength of the strongest second factor of the user; 1 if there is none. */
  readonly strongestAcr: Acr;
}

/**
 * The purpose of a restricted session: adding the first factor, which the app requires, or replacing factors after a
 * sign-in with a recovery code.
 */
export type SessionRestriction = 'enrolment' | 'recovery';

/** Whether people of an app may or must have a second factor. */
export type MfaPolicy = 'off' | 'optional' | 'required';

/** The session that a person presented. */
export interface PresentedSession {
  readonly id: string;
  /** The id of the session of which this one is a copy, directly or through other copies; its own id if it is none. */
  readonly originId: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly amr: readonly string[];
  /** The strength of the authentication. */
  readonly acr: Acr;
  /** When the person last authenticated in this session, by password, code or provider. */
  readonly authenticatedAt: Date;
  /** When a second factor was last used in this session; null: never. */
  readonly factorAt: Date | null;
  /** When a factor of the strength 3 was last used in this session; null: never. */
  readonly strongFactorAt: Date | null;
  /**
   * When a second factor was last used on the remembered device, if that replaced the factor at the latest sign-in;
   * otherwise null. Never counts as a factor that was used in the session.
   */
  readonly rememberedFactorAt: Date | null;
  /**
   * Whether the session has no recent authentication although it is new, because its sign-in relied on a remembered
   * device.
   */
  readonly needsReauthentication: boolean;
  /** The policy of the app. */
  readonly mfaPolicy: MfaPolicy;
  /** Null: the session can be used for everything. */
  readonly restriction: SessionRestriction | null;
  /** When the session expires, unless it is used before. */
  readonly idleExpiresAt: Date;
}

/** The access token of a person, presented instead of the session token. */
export interface PresentedAccessToken {
  /** The only organization for which the token is valid; undefined: every organization of the person. */
  readonly orgId: string | undefined;
  /** Whether that organization is deactivated. */
  readonly isOrganizationSuspended: boolean;
}

/** A machine user of an organization, as stored at the time of the call. */
export interface OrganizationMachineActor {
  readonly kind: 'organization-machine';
  readonly id: string;
  readonly secretId: string;
  /** The only organization in which the machine user may see and do anything. */
  readonly orgId: string;
  readonly organizationStatus: OrganizationStatus;
  /** Whether it has the role ORG_USER_MANAGER. */
  readonly isManager: boolean;
}

/** The authenticated caller. */
export type Actor =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'platform' }
  | {
      readonly kind: 'user';
      readonly user: SignedInUser;
      readonly session: PresentedSession;
      /** Absent if the person presented the session token itself. */
      readonly accessToken?: PresentedAccessToken;
    }
  | {
      readonly kind: 'machine';
      readonly id: string;
      readonly secretId: string;
      /** As stored at the time of the call. */
      readonly scopes: readonly string[];
      /** Audiences whose tokens the machine user may introspect; null: all. */
      readonly allowedAudiences: readonly string[] | null;
      /** Networks from which the machine user may call; null: every network. */
      readonly allowedNetworks: readonly string[] | null;
    }
  | OrganizationMachineActor
  /** The token of a verification mail. It can be used only with the code of that mail. */
  | { readonly kind: 'mailed-token'; readonly userId: string; readonly codeId: string };

/** A caller without a credential. */
export const anonymous: Actor = { kind: 'anonymous' };

/** The kind and id of the actor in the audit. */
export function auditIdentity(actor: Actor): { kind: string; id: string | null } {
  switch (actor.kind) {
    case 'user':
      return { kind: 'user', id: actor.user.id };
    case 'mailed-token':
      return { kind: 'user', id: actor.userId };
    case 'machine':
      return { kind: 'machine', id: actor.id };
    case 'organization-machine':
      return { kind: 'organization_machine', id: actor.id };
    case 'platform':
    case 'anonymous':
      return { kind: actor.kind, id: null };
  }
}

/** The only organization that the caller may see and use; undefined: no restriction. */
export function onlyOrganizationOf(actor: Actor): string | undefined {
  if (actor.kind === 'organization-machine') return actor.orgId;
  return actor.kind === 'user' ? actor.accessToken?.orgId : undefined;
}

/** Narrows the type of the actor to a signed-in person, for routes that only people may call. */
export function signedIn(actor: Actor): Actor & { kind: 'user' } {
  if (actor.kind !== 'user') throw new Error('the route accepted a caller who is not a signed-in person');
  return actor;
}
