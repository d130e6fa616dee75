import type { Call } from '../calls/route.ts';
import { checkCode } from '../codes/codes.ts';
import type { CodeBinding } from '../codes/codes.store.ts';
import { emailKey } from '../http/email-address.ts';
import { unusedId } from '../ids.ts';
import { findCredentials } from './users.store.ts';

/**
 * Checks a code that was mailed to an address. An address without an account takes the same work and fails like a wrong
 * code.
 *
 * @param presented the address and the code from the body
 * @param binding what the code was issued for
 * @returns the user with this address and the id of the code, which is not consumed yet
 * @throws ApiError as `checkCode` does
 */
export async function checkMailedCode(
  call: Call,
  presented: { email: string; verificationCode: string; browserHash?: Buffer | undefined },
  binding: Omit<CodeBinding, 'userId'>,
): Promise<{ userId: string; codeId: string }> {
  const found = await findCredentials(call.services.db, call.appId, emailKey(presented.email));
  const userId = found?.id ?? unusedId;
  const { verificationCode: code, browserHash } = presented;
  return { userId, codeId: await checkCode(call, { ...binding, userId }, { code, browserHash }) };
}
