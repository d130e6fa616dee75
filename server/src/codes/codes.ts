import type { Tx } from '../db/db.ts';
import { addressKey } from '../http/client-address.ts';
import { ApiError } from '../http/errors.ts';
import type { Call } from '../http/route.ts';
import { codeHash, constantTimeEqual, newCode, newSecret, normalizeCode, sha256 } from '../keys/secrets.ts';
import type { Services } from '../services.ts';
import {
  type CodeCircumstances,
  type CodePurpose,
  type CodeScope,
  countTry,
  insertCode,
  voidCodes,
} from './codes.store.ts';

const hourMs = 3_600_000;

/** How long a code is good. */
export const codeLifeMs: Readonly<Record<CodePurpose, number>> = {
  email_verification: 24 * hourMs,
  invitation: 7 * 24 * hourMs,
  password_reset: hourMs,
  email_change: hourMs,
};

/**
 * Codes of one scope that are good at the same time. Somebody can be invited to several roles of one organization;
 * anybody can ask for a reset, which must not void the code that the owner asked for.
 */
export const codesKept: Readonly<Record<CodePurpose, number>> = {
  email_verification: 1,
  invitation: 10,
  password_reset: 3,
  email_change: 1,
};

/** What goes into a mail: the code and, for a verification, a token that can present this very code. */
export interface IssuedCode {
  readonly code: string;
  readonly token: string | undefined;
}

/**
 * Issues a code in the transaction that queues its mail; it is stored as a keyed hash bound to its scope.
 *
 * @param circumstances.lifeMs how long it is good, where that is not what its purpose says
 */
export async function issueCode(
  tx: Tx,
  services: Services,
  appId: string,
  scope: CodeScope,
  { lifeMs = codeLifeMs[scope.purpose], ...circumstances }: CodeCircumstances & { lifeMs?: number } = {},
): Promise<IssuedCode> {
  const code = newCode();
  const token = scope.purpose === 'email_verification' ? newSecret('gh_v_') : undefined;
  const now = services.clock.now();
  await insertCode(tx, appId, {
    ...scope,
    ...circumstances,
    id: services.ids.next(),
    codeHash: codeHash(services.sealer.deriveKey('codes'), { appId, ...scope, code }),
    tokenHash: token === undefined ? null : sha256(token),
    now,
    expiresAt: new Date(now.getTime() + lifeMs),
  });
  await voidCodes(tx, appId, scope, codesKept[scope.purpose]);
  return { code, token };
}

/** Codes of an address that nobody has are asked for under the id 0. */
const idOrNobody = (userId: string): string | null => (userId === '0' ? null : userId);

/**
 * Checks a code that somebody presents. The try is counted and committed before anything is compared.
 *
 * @returns the id of the code, to be used up in the transaction of what it allows
 * @throws ApiError `code_invalid`, whatever is wrong with it
 */
export async function checkCode(call: Call, scope: CodeScope, input: string): Promise<string> {
  const { services, appId, client } = call;
  const now = services.clock.now();
  const candidates = await countTry(services.db, appId, { ...scope, address: addressKey(client.ip), now });
  const code = normalizeCode(input);
  const hashes = services.sealer.deriveKeys('codes').map((key) => codeHash(key, { appId, ...scope, code }));
  const match = candidates.find((candidate) => hashes.some((hash) => constantTimeEqual(hash, candidate.codeHash)));
  if (!match)
    throw new ApiError('code_invalid', {
      about: { target: { kind: 'user', id: idOrNobody(scope.userId) }, orgId: scope.orgId },
    });
  return match.id;
}
