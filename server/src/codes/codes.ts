import type { Tx } from '../db/db.ts';
import { addressKey } from '../http/network-address.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../calls/route.ts';
import { codeHash, constantTimeEqual, isLongCode, newCode, newLongCode, newSecret, sha256 } from '../keys/secrets.ts';
import { takeLimit } from '../calls/take-limit.ts';
import type { Services } from '../calls/services.ts';
import {
  type CodeCircumstances,
  type CodePurpose,
  type CodeBinding,
  countCodeAttempt,
  findLongCode,
  insertCode,
  voidShortCodes,
} from './codes.store.ts';

const hourMs = 3_600_000;

/** Lifetimes of codes. */
export const codeLifeMs: Readonly<Record<CodePurpose, number>> = {
  email_verification: 24 * hourMs,
  invitation: 7 * 24 * hourMs,
  password_reset: hourMs,
  email_change: hourMs,
  reauthentication: hourMs / 4,
  sign_in: hourMs / 6,
  second_factor: hourMs / 6,
};

/**
 * Maximum number of valid short codes of one binding. 10: a person can be invited to several roles of one organization.
 * 3: somebody else can request the code too, which must not void the code of the owner. Long codes are not limited.
 */
export const codesKept: Readonly<Record<CodePurpose, number>> = {
  email_verification: 1,
  invitation: 10,
  password_reset: 3,
  email_change: 1,
  reauthentication: 1,
  sign_in: 3,
  second_factor: 3,
};

/** The codes for a mail: short and long, and for a verification also the mailed token. */
export interface IssuedCode {
  /** Seven characters to type. Attempts are counted. */
  readonly code: string;
  /** 26 characters for the link. It cannot be guessed, and strangers cannot exhaust its attempts. */
  readonly longCode: string;
  /** The mailed token. Replaces the session in the call that presents the code. */
  readonly token: string | undefined;
}

/**
 * Issues a code in the transaction that queues its mail. Both codes are stored as keyed hashes that include the
 * binding.
 *
 * @param circumstances.lifeMs lifetime in milliseconds; default: the lifetime of its purpose
 */
export async function issueCode(
  tx: Tx,
  services: Services,
  appId: string,
  binding: CodeBinding,
  { lifeMs = codeLifeMs[binding.purpose], ...circumstances }: CodeCircumstances & { lifeMs?: number } = {},
): Promise<IssuedCode> {
  const [code, longCode] = [newCode(), newLongCode()];
  const token = binding.purpose === 'email_verification' ? newSecret('gh_v_') : undefined;
  const now = services.clock.now();
  const key = services.sealer.deriveKey('codes');
  await insertCode(tx, appId, {
    ...binding,
    ...circumstances,
    id: services.ids.next(),
    codeHash: codeHash(key, { appId, ...binding, code }),
    longHash: codeHash(key, { appId, ...binding, code: longCode }),
    tokenHash: token === undefined ? null : sha256(token),
    now,
    expiresAt: new Date(now.getTime() + lifeMs),
  });
  await voidShortCodes(tx, appId, binding, codesKept[binding.purpose]);
  return { code, longCode, token };
}

/** A presented code, with the circumstances that some codes depend on. */
export interface PresentedCode {
  readonly code: string;
  /** Hash of the secret in the cookie of the browser that presents the code. */
  readonly browserHash?: Buffer | undefined;
}

/** The user id for an event; null for '0', which stands for an address without an account. */
const idOrNobody = (userId: string): string | null => (userId === '0' ? null : userId);

const codeInvalid = ({ userId, orgId }: CodeBinding, explained: { detail?: string } = {}): ApiError =>
  new ApiError('code_invalid', { ...explained, about: { target: { kind: 'user', id: idOrNobody(userId) }, orgId } });

/**
 * Finds a presented short code. The attempt is counted and committed before the comparison.
 *
 * @param hashes of the presented code, under each master key
 */
async function matchShortCode(
  call: Call,
  binding: CodeBinding,
  hashes: readonly Buffer[],
): Promise<string | undefined> {
  const { services, appId, client } = call;
  const now = services.clock.now();
  const candidates = await countCodeAttempt(services.db, appId, { ...binding, address: addressKey(client.ip), now });
  return candidates.find((candidate) => hashes.some((hash) => constantTimeEqual(hash, candidate.codeHash)))?.id;
}

const otherBrowser = {
  detail:
    'This link works only in the browser in which the code was requested. Type the short code from the mail instead.',
};

/**
 * Finds a presented long code. No attempt is counted on the code: its 129 bits cannot be guessed, and a counter would
 * let strangers exhaust the attempts. Only wrong codes are charged to the client address. A correct code is accepted
 * even if that limit is exhausted. A code that belongs to a browser is refused in another one, and stays valid.
 *
 * @throws ApiError `rate_limited`; `code_invalid` in another browser
 */
async function matchLongCode(
  call: Call,
  binding: CodeBinding,
  hashes: readonly Buffer[],
  browserHash: Buffer | undefined,
): Promise<string | undefined> {
  const { services, appId, client } = call;
  const found = await findLongCode(services.db, appId, { ...binding, now: services.clock.now() }, hashes);
  if (found && hashes.some((hash) => constantTimeEqual(hash, found.longHash))) {
    const isSameBrowser =
      browserHash !== undefined && found.browserHash && constantTimeEqual(browserHash, found.browserHash);
    if (found.browserHash === null || isSameBrowser) return found.id;
    throw codeInvalid(binding, otherBrowser);
  }
  await takeLimit(call, 'wrongLongCodesPerAddressPerHour', addressKey(client.ip));
  return undefined;
}

/**
 * Checks a presented code. The length shows whether it is short or long.
 *
 * @returns the id of the code, which must be consumed in the transaction of the change that it authorizes
 * @throws ApiError `code_invalid`, regardless of the fault; `rate_limited` after many wrong long codes
 */
export async function checkCode(call: Call, binding: CodeBinding, presented: string | PresentedCode): Promise<string> {
  const { services, appId } = call;
  const { code, browserHash }: PresentedCode = typeof presented === 'string' ? { code: presented } : presented;
  const hashes = services.sealer.deriveKeys('codes').map((key) => codeHash(key, { appId, ...binding, code }));
  const codeId = await (isLongCode(code)
    ? matchLongCode(call, binding, hashes, browserHash)
    : matchShortCode(call, binding, hashes));
  if (codeId === undefined) throw codeInvalid(binding);
  return codeId;
}
