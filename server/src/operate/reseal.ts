import type { Db, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { listSealedMails, replaceSealedMail } from '../email/mails.store.ts';
import { resealContent } from '../email/queue-mail.ts';
import { openClientSecret, sealClientSecret } from '../identity-providers/client-secret.ts';
import { listSealedSecrets, replaceSealedSecret } from '../identity-providers/identity-providers.store.ts';
import { listSealedFactors, replaceSealedFactor } from '../factors/factors.store.ts';
import { openTotpSecret, sealTotpSecret } from '../factors/totp-secret.ts';
import type { Sealer } from '../keys/seal.ts';
import { resealPrivateKey } from '../keys/signing-keys.ts';
import { keySets, listSealedKeys, replaceSealedKey } from '../keys/signing-keys.store.ts';

async function resealKeys(tx: Tx, sealer: Sealer): Promise<number> {
  let count = 0;
  for (const set of keySets) {
    const outdated = (await listSealedKeys(tx, set)).filter(({ sealed }) => !sealer.isCurrent(sealed));
    for (const { appId, kid, sealed } of outdated) {
      await replaceSealedKey(tx, appId, set, kid, resealPrivateKey(sealer, appId, set, kid, sealed));
    }
    count += outdated.length;
  }
  return count;
}

async function resealMails(tx: Tx, sealer: Sealer): Promise<number> {
  const outdated = (await listSealedMails(tx)).filter(({ sealedContent }) => !sealer.isCurrent(sealedContent));
  for (const mail of outdated) await replaceSealedMail(tx, mail.appId, mail.id, resealContent(sealer, mail));
  return outdated.length;
}

async function resealSecrets(tx: Tx, sealer: Sealer): Promise<number> {
  const outdated = (await listSealedSecrets(tx)).filter(({ sealed }) => !sealer.isCurrent(sealed));
  for (const { appId, idpId, sealed } of outdated) {
    const secret = openClientSecret(sealer, appId, idpId, sealed);
    await replaceSealedSecret(tx, appId, idpId, sealClientSecret(sealer, appId, idpId, secret));
  }
  return outdated.length;
}

async function resealFactors(tx: Tx, sealer: Sealer): Promise<number> {
  const outdated = (await listSealedFactors(tx)).filter(({ sealed }) => !sealer.isCurrent(sealed));
  for (const { appId, id, sealed } of outdated) {
    await replaceSealedFactor(
      tx,
      appId,
      id,
      sealTotpSecret(sealer, appId, id, openTotpSecret(sealer, appId, id, sealed)),
    );
  }
  return outdated.length;
}

/**
 * Encrypts every value that is sealed under an old master key under the current one, in one transaction. Afterwards the
 * database expects the current key. Codes that were mailed before are hashed under the old key and stay valid only
 * while the old key is configured. The same applies to sign-ins through providers in progress, for ten minutes.
 */
export function reseal(
  db: Db,
  sealer: Sealer,
): Promise<{ keys: number; mails: number; secrets: number; factors: number }> {
  return db.transaction(async (tx) => {
    await tx.liftTimeLimits();
    const outcome = {
      keys: await resealKeys(tx, sealer),
      mails: await resealMails(tx, sealer),
      secrets: await resealSecrets(tx, sealer),
      factors: await resealFactors(tx, sealer),
    };
    await tx.query(sql`UPDATE deployment SET master_key_check = ${sealer.checkValue()}`);
    return outcome;
  });
}
