import { newRecoveryCode, normalizeCode, sha256 } from '../keys/secrets.ts';

const codesMade = 10;

/** The hash under which a recovery code is stored. Codes are random enough for a plain hash. */
export const recoveryCodeHash = (code: string): Buffer => sha256(normalizeCode(code));

/** Ten new recovery codes, as they are shown once, and their hashes. */
export function newRecoveryCodes(): { codes: string[]; hashes: Buffer[] } {
  const codes = Array.from({ length: codesMade }, newRecoveryCode);
  return { codes, hashes: codes.map(recoveryCodeHash) };
}
