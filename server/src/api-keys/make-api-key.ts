import { signedIn } from '../access/actor.ts';
import { policyRefusal, proofOf, withoutRememberedDevice } from '../access/organization-policy.ts';
import { statusesInForce } from '../access/organization-states.ts';
import { namedAppOf } from '../apps/named-app.ts';
import { mutate } from '../calls/mutate.ts';
import type { Call } from '../calls/route.ts';
import type { Tx } from '../db/db.ts';
import { circumstancesOf } from '../email/circumstances.ts';
import { queueNotice } from '../email/mail-quotas.ts';
import { ApiError } from '../http/errors.ts';
import { sha256 } from '../keys/secrets.ts';
import { keepOrganization, lockOrganization } from '../organizations/organizations.store.ts';
import { resolveRoles } from '../roles/roles.store.ts';
import { lockCallerWithSession } from '../sessions/session-of-caller.ts';
import { notMeUrl } from '../users/not-me-token.ts';
import { lastCharactersOf, newApiKey } from './api-key.ts';
import type { NewApiKeyBody } from './api-keys.schema.ts';
import {
  type ApiKey,
  countApiKeys,
  getApiKey,
  type Holder,
  holdMachine,
  holdMembership,
  insertApiKey,
  type KeyOwner,
  type NewApiKey,
  organizationState,
} from './api-keys.store.ts';
import { findApiKeys } from './find-api-keys.store.ts';

/** Keys of an organization, and personal keys of a person in all organizations. */
const mostOfOrganization = 100;
const mostOfPerson = 20;
/** A later time cannot be written in RFC 3339. */
const latestTime = Date.UTC(9999, 11, 31);

/** @throws ApiError `validation_failed` if the time is not in the future */
export function checkExpiry(expiresAt: Date | null | undefined, now: Date): void {
  if (!expiresAt || (expiresAt > now && expiresAt.getTime() <= latestTime)) return;
  throw new ApiError('validation_failed', {
    faults: [{ pointer: '/body/expiresAt', message: 'Must be in the future, before the year 10000.' }],
  });
}

/**
 * The status of an organization, and the policy that the caller does not meet. A remembered device does not replace the
 * second factor here, because keys outlive it.
 */
const stateFor = (tx: Tx, { appId, actor, services }: Call, orgId: string) =>
  organizationState(tx, appId, orgId, withoutRememberedDevice(actor), services.clock.now());

/**
 * Locks the caller, who is the creator of a key of an organization.
 *
 * @throws ApiError `unauthenticated` if the credential has ended meanwhile, `organization_not_found` if the caller is
 *   no longer a member, `step_up_required`, `reauthentication_required`
 */
export async function holdMaker(tx: Tx, call: Call): Promise<Holder> {
  const { actor, appId, orgId } = call;
  if (actor.kind === 'machine') {
    if (!(await holdMachine(tx, appId, actor.id))) throw new ApiError('unauthenticated');
    return { kind: 'machine', id: actor.id };
  }
  const { user } = signedIn(actor);
  await lockCallerWithSession(tx, call);
  const { unmet } = await stateFor(tx, call, orgId);
  if (unmet) throw policyRefusal(unmet);
  if (await holdMembership(tx, appId, orgId, user.id)) return { kind: 'member', id: user.id };
  if (user.isSuperAdmin) return { kind: 'super_admin', id: user.id };
  throw new ApiError('organization_not_found');
}

/**
 * Locks the caller and the membership of a personal key.
 *
 * @throws ApiError `unauthenticated`, `organization_not_found`, `organization_inactive`, `step_up_required`,
 *   `reauthentication_required`
 */
async function holdPerson(tx: Tx, call: Call, orgId: string): Promise<Holder> {
  const { user } = signedIn(call.actor);
  await lockCallerWithSession(tx, call);
  if (!(await holdMembership(tx, call.appId, orgId, user.id))) throw new ApiError('organization_not_found');
  const { status, unmet } = await stateFor(tx, call, orgId);
  if (!statusesInForce().includes(status)) throw new ApiError('organization_inactive');
  if (unmet) throw policyRefusal(unmet);
  return { kind: 'person', id: user.id };
}

/**
 * Checks that the holder has every permission of the key or, for a key of the organization, may grant it. Without this
 * check a key could name a permission in advance, and get it when a role changes later.
 *
 * @throws ApiError `access_denied`
 */
async function checkReach(tx: Tx, appId: string, { keyHash, now }: NewApiKey): Promise<void> {
  const [made] = await findApiKeys(tx, [{ appId, keyHash }], now);
  const [first] = made?.withheld ?? [];
  if (made && first === undefined) return;
  const named = first === undefined ? '' : `. You neither have nor may grant "${first}"`;
  throw new ApiError('access_denied', {
    detail: `A key can have only roles or permissions that you have or may grant${named}.`,
  });
}

/**
 * Notifies the creator by mail, because somebody else may be using their session. Unverified addresses get no mail:
 * they
 * may belong to someone else.
 */
async function notifyMaker(tx: Tx, call: Call, { id, name, orgId }: ApiKey): Promise<void> {
  if (call.actor.kind !== 'user' || !call.actor.user.isEmailVerified) return;
  const { user } = call.actor;
  const { name: organizationName } = await keepOrganization(tx, call.appId, orgId);
  await queueNotice(tx, call.services, await namedAppOf(call), {
    userId: user.id,
    recipient: user.email,
    purpose: 'api_key_created',
    content: {
      keyName: name,
      orgId,
      organizationName,
      ...circumstancesOf(call),
      notMeUrl: notMeUrl(call, user, { kind: 'api_key', id }),
    },
  });
}

/** The authentication methods of the caller, which are recorded with the key. Null: a machine user. */
export const methodsOf = ({ actor }: Call): readonly string[] | null =>
  actor.kind === 'user' ? proofOf(actor).amr : null;

interface Making<Result> {
  readonly orgId: string;
  readonly owner: KeyOwner;
  readonly most: number;
  /** Locks the owner of the key. Returns its holder, whose rights limit the key. */
  readonly hold: (tx: Tx) => Promise<Holder>;
  readonly toResult: (made: ApiKey, key: string) => Result;
}

async function makeApiKey<Result>(call: Call, body: NewApiKeyBody, making: Making<Result>): Promise<Result> {
  const { services, appId } = call;
  const { orgId, owner } = making;
  const now = services.clock.now();
  checkExpiry(body.expiresAt, now);
  const key = newApiKey();
  // Read before the transaction: the query uses a connection of its own. On the embedded database, which has one
  // connection, it would wait for the transaction to end.
  await namedAppOf(call);
  return mutate(call, async (tx) => {
    const holder = await making.hold(tx);
    if ((await countApiKeys(tx, appId, owner)) >= making.most) throw new ApiError('api_key_limit_reached');
    const stored: NewApiKey = {
      id: services.ids.next(),
      orgId,
      holder,
      amr: methodsOf(call),
      keyHash: sha256(key),
      lastCharacters: lastCharactersOf(key),
      name: body.name,
      roles: body.roles ? await resolveRoles(tx, appId, orgId, [...new Set(body.roles)]) : [],
      permissions: body.permissions ? [...new Set(body.permissions)] : null,
      perMinute: body.perMinute ?? null,
      now,
      expiresAt: body.expiresAt ?? null,
    };
    await insertApiKey(tx, appId, stored);
    await checkReach(tx, appId, stored);
    const made = await getApiKey(tx, appId, owner, stored.id);
    await notifyMaker(tx, call, made);
    return { result: making.toResult(made, key), event: { target: { kind: 'api_key', id: made.id }, orgId } };
  });
}

/**
 * Creates a key of the organization of the call.
 *
 * @param toResult converts the key to the response
 * @throws ApiError `api_key_limit_reached`, `unknown_role`, `access_denied`
 */
export const makeOrganizationKey = <Result>(
  call: Call,
  body: NewApiKeyBody,
  toResult: Making<Result>['toResult'],
): Promise<Result> =>
  makeApiKey(call, body, {
    orgId: call.orgId,
    owner: { orgId: call.orgId },
    most: mostOfOrganization,
    hold: async (tx) => {
      const maker = await holdMaker(tx, call);
      // Locked, so that a concurrent call counts this key.
      await lockOrganization(tx, call.appId, call.orgId, undefined);
      return maker;
    },
    toResult,
  });

/**
 * Creates a personal key of the caller.
 *
 * @param orgId the organization of the key
 * @param toResult converts the key to the response
 * @throws ApiError `organization_not_found`, `organization_inactive`, `api_key_limit_reached`, `unknown_role`,
 *   `access_denied`
 */
export const makePersonalKey = <Result>(
  call: Call,
  orgId: string,
  body: NewApiKeyBody,
  toResult: Making<Result>['toResult'],
): Promise<Result> =>
  makeApiKey(call, body, {
    orgId,
    owner: { userId: signedIn(call.actor).user.id },
    most: mostOfPerson,
    hold: (tx) => holdPerson(tx, call, orgId),
    toResult,
  });
